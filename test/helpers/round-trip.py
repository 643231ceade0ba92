"""What nibabel (and SimpleITK, where it is installed) see in pairs of files: a source and the mask written for it.

Reads a JSON list of {"source", "mask"} on standard input, writes a JSON list of the differences: {} where none.
"""

import json
import sys

import nibabel as nib
import numpy as np

try:
    import SimpleITK as sitk
except ImportError:
    sitk = None


def nifti(source, mask):
    a, b = nib.load(source), nib.load(mask)
    shape = lambda image: (list(image.shape) + [1, 1, 1])[:3]
    units = lambda image: image.header.get_xyzt_units()[0]
    seen = {
        "shape": (shape(a), shape(b)),
        "affine": (a.affine.tolist(), b.affine.tolist()),
        "sform": (int(a.header["sform_code"]), int(b.header["sform_code"])),
        "qform": (int(a.header["qform_code"]), int(b.header["qform_code"])),
        "zooms": ([float(z) for z in a.header.get_zooms()[:2]], [float(z) for z in b.header.get_zooms()[:2]]),
        "units": (units(a), units(b)),
        "type": ("uint8", str(b.get_data_dtype())),
        "values": ([0, 1, 2], sorted(np.unique(np.asarray(b.dataobj)).astype(int).tolist())),
    }
    return {key: pair for key, pair in seen.items() if pair[0] != pair[1]}


def itk(source, mask):
    a, b = sitk.ReadImage(source), sitk.ReadImage(mask)
    near = lambda x, y: bool(np.allclose(x, y, rtol=0, atol=1e-5))
    seen = {
        "size": a.GetSize()[:3] == b.GetSize(),
        "spacing": near(a.GetSpacing()[:3], b.GetSpacing()),
        "origin": near(a.GetOrigin()[:3], b.GetOrigin()),
        "direction": a.GetDimension() > 3 or near(a.GetDirection(), b.GetDirection()),
        "values": sorted(np.unique(sitk.GetArrayFromImage(b)).astype(int).tolist()) == [0, 1, 2],
    }
    return {key: ok for key, ok in seen.items() if not ok}


def compare(pair):
    source, mask = pair["source"], pair["mask"]
    if mask.endswith((".nii", ".nii.gz")):
        return nifti(source, mask)
    return {} if sitk is None else itk(source, mask)


print(json.dumps({"itk": sitk is not None, "differences": [compare(pair) for pair in json.load(sys.stdin)]}))
