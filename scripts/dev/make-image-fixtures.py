"""Makes test/fixtures/images: small pictures and NIfTI volumes with the values that other libraries see in them.

Written with Pillow and nibabel, so that the readers are tested against bytes they had no part in.
    python scripts/dev/make-image-fixtures.py        (needs numpy, Pillow, nibabel; tifffile and imagecodecs)
"""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import tifffile
from nibabel.nifti1 import Nifti1Extension
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "images"
OUT.mkdir(parents=True, exist_ok=True)
pictures: dict[str, dict] = {}
volumes: dict[str, dict] = {}

H, W = 5, 7
ramp = np.arange(H * W).reshape(H, W)
grey8 = (ramp * 7 % 256).astype(np.uint8)
grey16 = (ramp * 1871 % 65536).astype(np.uint16)
rgb8 = (np.arange(H * W * 3).reshape(H, W, 3) * 5 % 256).astype(np.uint8)
bits = (ramp % 2).astype(np.uint8)
labels = (ramp % 4).astype(np.uint8)
PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0, 10, 20, 30]


def note(name, image=None, labels=None, tolerance=0, **more):
    """image: what readImage gives, labels: what readMask gives (None: refused)."""
    entry = {"width": W, "height": H, "tolerance": tolerance, **more}
    if image is not None:
        image = np.asarray(image)
        entry["channels"] = 1 if image.ndim == 2 else image.shape[2]
        entry["type"] = {"uint8": "Uint8Array", "uint16": "Uint16Array", "int16": "Int16Array",
                         "float32": "Float32Array"}[str(image.dtype)]
        entry["image"] = image.ravel().tolist()
    entry["labels"] = None if labels is None else np.asarray(labels).ravel().tolist()
    pictures[name] = entry


def indexed():
    image = Image.fromarray(labels, "P")
    image.putpalette(PALETTE)
    return image


colours = np.asarray(indexed().convert("RGB"))

# PNG
Image.fromarray(grey8).save(OUT / "grey8.png")
note("grey8.png", grey8, grey8)
Image.fromarray(grey16).save(OUT / "grey16.png")
note("grey16.png", grey16, grey16)
Image.fromarray(rgb8).save(OUT / "rgb8.png")
note("rgb8.png", rgb8)
Image.fromarray(np.dstack([grey8] * 3)).save(OUT / "rgb-equal.png")
note("rgb-equal.png", np.dstack([grey8] * 3), grey8)
Image.fromarray(bits * 255).convert("1").save(OUT / "bits1.png")
note("bits1.png", bits * 255, bits)
for depth in (2, 4):
    indexed().save(OUT / f"palette{depth}.png", bits=depth)
    note(f"palette{depth}.png", colours, labels)
indexed().save(OUT / "palette8.png", bits=8)
note("palette8.png", colours, labels)
Image.fromarray(np.dstack([rgb8, 255 - grey8])).save(OUT / "rgba8.png")
note("rgba8.png", rgb8)
Image.fromarray(np.dstack([grey8, 255 - grey8]), "LA").save(OUT / "grey-alpha.png")
note("grey-alpha.png", grey8, grey8)

# JPEG: chroma subsampling and rounding differ between decoders by a few levels.
soft = np.dstack([np.add.outer(np.arange(32) * 4, np.arange(24) * 3)] * 3).astype(np.uint8)
Image.fromarray(soft).save(OUT / "soft.jpg", quality=95)
note("soft.jpg", np.asarray(Image.open(OUT / "soft.jpg")), None, 2, width=24, height=32)
Image.fromarray(soft[:, :, 0]).save(OUT / "soft-grey.jpg", quality=95)
note("soft-grey.jpg", np.asarray(Image.open(OUT / "soft-grey.jpg")), None, 2, width=24, height=32)
turned = Image.Exif()
turned[0x0112] = 6  # shown turned clockwise by a quarter
Image.fromarray(soft[:, :, 0]).save(OUT / "turned.jpg", quality=95, exif=turned)
note("turned.jpg", np.rot90(np.asarray(Image.open(OUT / "turned.jpg")), -1), None, 2, width=32, height=24)

# BMP
Image.fromarray(rgb8).save(OUT / "rgb8.bmp")
note("rgb8.bmp", rgb8)
Image.fromarray(grey8).save(OUT / "grey8.bmp")
note("grey8.bmp", grey8, grey8)
Image.fromarray(bits * 255).convert("1").save(OUT / "bits1.bmp")
note("bits1.bmp", bits * 255, bits)
indexed().save(OUT / "palette8.bmp")
note("palette8.bmp", colours, labels)
Image.fromarray(np.dstack([rgb8, grey8])).save(OUT / "rgba8.bmp")
note("rgba8.bmp", rgb8)

# GIF
Image.fromarray((bits * 255)).save(OUT / "mask.gif")
note("mask.gif", np.dstack([bits * 255] * 3), bits * 255)

# TIFF
Image.fromarray(bits * 255).convert("1").save(OUT / "bits1.tif")
note("bits1.tif", bits * 255, bits)
Image.fromarray(bits * 255).convert("1").save(OUT / "fax4.tif", compression="group4")
note("fax4.tif", bits * 255, bits)
indexed().save(OUT / "palette8.tif")
note("palette8.tif", colours, labels)
Image.fromarray(rgb8).save(OUT / "lzw-rgb8.tif", compression="tiff_lzw")
note("lzw-rgb8.tif", rgb8)
for order, tag in (("<", "le"), (">", "be")):
    def tiff(name, data, expected=None, labels=None, **options):
        tifffile.imwrite(OUT / name, data, byteorder=order, metadata=None, **options)
        note(name, data if expected is None else expected, labels)

    tiff(f"grey16-{tag}.tif", grey16, labels=grey16)
    tiff(f"grey16-{tag}-predictor.tif", grey16, labels=grey16, compression="lzw", predictor=True)
    tiff(f"int16-{tag}.tif", (ramp * 900 - 15000).astype(np.int16))
    tiff(f"float32-{tag}.tif", (ramp / 8 - 1).astype(np.float32))
    tiff(f"uint32-{tag}.tif", (ramp * 1000).astype(np.uint32), (ramp * 1000).astype(np.float32), ramp * 1000)
    tiff(f"rgb16-{tag}.tif", rgb8.astype(np.uint16) * 257, photometric="rgb")
order = "<"
tiff("planar.tif", rgb8.transpose(2, 0, 1), rgb8, photometric="rgb", planarconfig="separate")
tiff("miniswhite.tif", grey8, 255 - grey8, 255 - grey8, photometric="miniswhite")
tifffile.imwrite(OUT / "pages.tif", np.stack([grey8, 255 - grey8]), photometric="minisblack", metadata=None)

(OUT / "pictures.json").write_text(json.dumps(pictures, separators=(",", ":")) + "\n")

# NIfTI
SHAPE = (4, 3, 2)
TURNED = np.array([[-1.5, 0.25, 0, 10], [0.25, 1.5, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])
ramp3 = np.arange(np.prod(SHAPE)).reshape(SHAPE, order="F")


def note_volume(name, affine="nibabel", values="nibabel", **more):
    image = nib.load(OUT / name)
    header = image.header
    data = np.asanyarray(image.dataobj) if isinstance(values, str) else values
    volumes[name] = {
        "shape": (list(image.shape[:3]) + [1, 1, 1])[:3],
        "frames": int(np.prod(image.shape[3:], dtype=int)) if len(image.shape) > 3 else 1,
        "affine": (image.affine if isinstance(affine, str) else np.asarray(affine)).ravel().tolist(),
        "values": np.asarray(data, dtype=np.float64).ravel(order="F").tolist(),
        "qform": int(header["qform_code"]),
        "sform": int(header["sform_code"]),
        **more,
    }


def save(name, data, affine=TURNED, cls=nib.Nifti1Image, endian="<", prepare=None, expected=None, **more):
    image = cls(data, affine, cls.header_class(endianness=endian))
    image.header.set_data_dtype(data.dtype)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    if prepare is not None:
        prepare(image)
    nib.save(image, OUT / name)
    note_volume(name, **({} if expected is None else expected), **more)


TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
for dtype in TYPES:
    base = ramp3 * 5 - (60 if dtype.startswith(("int", "float")) else 0)
    if dtype in ("int64", "uint64"):
        base = base * 2**40
    for endian, tag in (("<", "le"), (">", "be")):
        save(f"{dtype}-{tag}.nii", base.astype(np.dtype(dtype).newbyteorder(endian)), endian=endian)
save("nifti2-le.nii.gz", ramp3.astype(np.int16), cls=nib.Nifti2Image, affine=TURNED + 1e-9)
save("nifti2-be.nii", ramp3.astype(">i2"), cls=nib.Nifti2Image, endian=">")
save("pair.hdr", ramp3.astype(np.int16), cls=nib.Nifti1Pair)
save("pair2.hdr", ramp3.astype(">f4"), cls=nib.Nifti2Pair, endian=">")
save("scaled.nii.gz", ramp3.astype(np.int16), prepare=lambda i: i.header.set_slope_inter(0.5, -3))
save("scaled-be.nii", ramp3.astype(">u1"), endian=">", prepare=lambda i: i.header.set_slope_inter(2, 10))
save("four.nii.gz", np.arange(48, dtype=np.int16).reshape((4, 3, 2, 2), order="F"))
save("five.nii", np.arange(72, dtype=np.int16).reshape((4, 3, 2, 1, 3), order="F"))
save("flat.nii", ramp3[:, :, 0].astype(np.uint8))
save("qform-only.nii", ramp3.astype(np.uint8), prepare=lambda i: i.set_sform(None, 0))
save("sform-only.nii", ramp3.astype(np.uint8), prepare=lambda i: i.set_qform(None, 0))
LEFT = np.diag([2.0, 2, -3, 1])
save("left-handed.nii", ramp3.astype(np.uint8), affine=LEFT, prepare=lambda i: i.set_sform(None, 0))
save("disagree.nii", ramp3.astype(np.uint8), prepare=lambda i: i.set_qform(np.diag([-1.0, 2, 3, 1]), 2))
SHEAR = TURNED.copy()
SHEAR[1, 2] = 0.6
save("shear.nii", ramp3.astype(np.uint8), affine=SHEAR, prepare=lambda i: i.set_qform(None, 0))
save("micrometres.nii", ramp3.astype(np.uint8), affine=np.diag([500.0, 500, 2000, 1]),
     prepare=lambda i: i.header.set_xyzt_units("micron"), expected={"affine": np.diag([0.5, 0.5, 2, 1])})
save("no-forms.nii", ramp3.astype(np.uint8), affine=np.diag([2.0, 3, 4, 1]),
     prepare=lambda i: (i.set_sform(None, 0), i.set_qform(None, 0)), expected={"affine": np.diag([2.0, 3, 4, 1])})


def extend(image):
    image.header.extensions.append(Nifti1Extension("comment", b"a comment"))
    image.header.extensions.append(Nifti1Extension(0, b"<CaretExtension><VolumeInformation Index='0'><LabelTable>\n"
        b'<Label Key="1" Red="0" Green="1" Blue="0" Alpha="1"><![CDATA[liver & co]]></Label>\n'
        b'<Label Key="7" Red="0" Green="0" Blue="1" Alpha="1">left &amp; right</Label>\n'
        b"</LabelTable></VolumeInformation></CaretExtension>"))


save("extensions.nii.gz", ramp3.astype(np.uint8), prepare=extend)

rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
for step, channel in enumerate("RGB"):
    rgb[channel] = ramp3 * 3 + step
planes = np.stack([rgb[c] for c in "RGB"], axis=3)
save("rgb24.nii", rgb, expected={"values": planes}, colour=True)
volumes["rgb24.nii"]["frames"] = 3

# Several gzip members in one file, as bgzip and concatenation make them.
raw = (OUT / "int16-le.nii").read_bytes()
(OUT / "members.nii.gz").write_bytes(b"".join(gzip.compress(p, mtime=0) for p in (raw[:100], raw[100:361], raw[361:])))
volumes["members.nii.gz"] = volumes["int16-le.nii"]

# nibabel's gzip carries the time: write again without, so that the fixtures are the same every time.
for path in OUT.glob("*.nii.gz"):
    if path.name != "members.nii.gz":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=0))

(OUT / "volumes.json").write_text(json.dumps(volumes, separators=(",", ":")) + "\n")
print(sum(p.stat().st_size for p in OUT.iterdir()), "bytes in", len(list(OUT.iterdir())), "files")
