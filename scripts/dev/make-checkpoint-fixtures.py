"""Writes the checkpoint files that the tests of native/core/io read.

    python scripts/dev/make-checkpoint-fixtures.py [test/fixtures]

Needs torch, transformers and safetensors; run it only to change the fixtures,
which are committed. It makes

- hf-sam-tiny/: a small SamModel as save_pretrained writes it (config.json,
  model.safetensors), the same weights as pytorch_model.bin, and cases.safetensors
  with what transformers computes from them;
- checkpoints/: .pth files that a strict reader must refuse, or must read past
  what it does not know. Nothing in them is ever run by gmiseg; os-system.pth
  would create the file gmiseg-pickle-was-run in the current folder.
"""

import argparse
import collections
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib

import numpy as np
import torch
from safetensors.torch import save_file

MARKER = "gmiseg-pickle-was-run"


def recipe(name: str, shape: torch.Size) -> torch.Tensor:
    """Weights by name: the recipe of the other fixtures."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    x = torch.randn(shape, generator=generator)
    if "positional_embedding" in name:
        return x
    if name.endswith("pos_embed"):
        return 0.1 * x
    if len(shape) == 1:
        return 1 + 0.1 * x if name.endswith("weight") else 0.1 * x
    return x * (x.numel() / shape[0]) ** -0.5


def make_huggingface(folder: pathlib.Path) -> None:
    from transformers import SamConfig, SamModel

    config = SamConfig(
        vision_config=dict(
            hidden_size=48,
            output_channels=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=64,
            patch_size=8,
            window_size=3,
            global_attn_indexes=[1],
            num_pos_feats=16,
            mlp_dim=112,
        ),
        prompt_encoder_config=dict(hidden_size=32, image_size=64, patch_size=8),
        mask_decoder_config=dict(hidden_size=32, mlp_dim=72, num_attention_heads=4, iou_head_hidden_dim=40),
    )
    model = SamModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(recipe(name, parameter.shape))
        model.tie_weights()

    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")

    size = config.vision_config.image_size
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    image = torch.from_numpy(((7 * x + 13 * y + 29 * c + x * y // 17) % 256).astype(np.uint8))
    mean = torch.tensor([123.675, 116.28, 103.53])
    std = torch.tensor([58.395, 57.12, 57.375])
    pixels = ((image.float() - mean) / std).permute(2, 0, 1)[None].contiguous()
    out = {"image": image, "pixel_values": pixels}

    points = torch.tensor([[[[20.0, 13.0], [41.0, 50.0]]]])
    labels = torch.tensor([[[1, 0]]])
    boxes = torch.tensor([[[8.0, 10.0, 47.0, 55.0]]])
    masks = recipe("input_masks", (1, 1, 32, 32)) * 100
    cases = {
        "points": dict(input_points=points, input_labels=labels),
        "box": dict(input_boxes=boxes),
        "points_box": dict(input_points=points, input_labels=labels, input_boxes=boxes),
        "points_mask": dict(input_points=points, input_labels=labels, input_masks=masks),
    }
    with torch.no_grad():
        embeddings = model.get_image_embeddings(pixels)
        out["image_embeddings"] = embeddings
        for case, prompts in cases.items():
            for name, value in prompts.items():
                out[f"{case}.{name}"] = value
            for multimask in (False, True):
                result = model(image_embeddings=embeddings, multimask_output=multimask, **prompts)
                kind = "multi" if multimask else "single"
                out[f"{case}.{kind}.pred_masks"] = result.pred_masks
                out[f"{case}.{kind}.iou_scores"] = result.iou_scores
    save_file({k: v.contiguous().clone() for k, v in out.items()}, folder / "cases.safetensors")


class Reduce:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def weights() -> collections.OrderedDict:
    """A few weights under names that a SAM has."""
    return collections.OrderedDict(
        [
            ("image_encoder.pos_embed", recipe("image_encoder.pos_embed", (1, 2, 2, 4))),
            ("prompt_encoder.no_mask_embed.weight", recipe("prompt_encoder.no_mask_embed.weight", (1, 4))),
        ]
    )


def forged(offset, size, stride) -> dict:
    """A tensor of a storage of 16 floats with any geometry."""
    storage = torch.arange(16.0)._typed_storage()
    call = Reduce(
        torch._utils._rebuild_tensor_v2, storage, offset, tuple(size), tuple(stride), False, collections.OrderedDict()
    )
    return {"image_encoder.pos_embed": call}


def rewrite(source: pathlib.Path, target: pathlib.Path, change, compression=zipfile.ZIP_STORED) -> None:
    """Copies a zip; `change(name, data)` returns the new (name, data) pairs of a record."""
    with zipfile.ZipFile(source) as zin, zipfile.ZipFile(target, "w", compression) as zout:
        for info in zin.infolist():
            for name, data in change(info.filename, zin.read(info)):
                zout.writestr(zipfile.ZipInfo(name), data, compress_type=compression)


def make_checkpoints(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def save(name, value, **options):
        torch.save(value, folder / name, **options)

    # Read in full.
    save("plain.pth", weights())
    base = torch.arange(24.0).reshape(4, 6)
    kinds = {f"image_encoder.{str(d)[6:]}": torch.arange(4).to(d) for d in (torch.float64, torch.float16, torch.bfloat16)}
    views = {
        "image_encoder.base": base,
        "image_encoder.transposed": base.t(),
        "image_encoder.row": base[2],
        "image_encoder.none": torch.empty(0, 3),
        "image_encoder.scalar": torch.tensor(2.5),
        "image_encoder.parameter": torch.nn.Parameter(torch.ones(3)),
    }
    save("views.pth", {"state_dict": {**views, **kinds}, "epoch": 7, "note": "seven"})
    save("module-sam-prefix.pth", {"model": {"module.sam." + k: v for k, v in weights().items()}})
    save("float8.pth", {"image_encoder.pos_embed": torch.ones(4).to(torch.float8_e4m3fn)})

    save("protocol-5.pth", {"model": weights(), "epoch": 2**40, "seed": -3}, pickle_protocol=5)

    # Read past what is foreign.
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    save("optimizer-object.pth", {"model": weights(), "optimizer": optimizer})
    save("training-namespace.pth", {"model": weights(), "args": argparse.Namespace(lr=0.1), "epoch": 1})
    save("training-os-system.pth", {"model": weights(), "optimizer": Reduce(os.system, f"touch {MARKER}")})
    save("optimizer-state.pth", {"model": weights(), "optimizer": optimizer.state_dict(), "epoch": 2})

    # Refused.
    save("os-system.pth", Reduce(os.system, f"touch {MARKER}"))
    save("namespace.pth", argparse.Namespace(weights=torch.ones(2)))
    save("module.pth", torch.nn.Sequential(torch.nn.Linear(2, 2)))
    save("numpy-scalar.pth", np.float64(0.5))
    save("set.pth", {1, 2, 3})
    save("no-tensors.pth", {"epoch": 3})
    save("sparse.pth", {"image_encoder.pos_embed": torch.eye(3).to_sparse()})
    save("foreign-tensor.pth", {"image_encoder.pos_embed": Reduce(eval, torch.ones(3))})
    save("two-models.pth", {"model": weights(), "state_dict": weights()})
    save("integers.pth", {"image_encoder.pos_embed": torch.arange(4)})
    save("legacy.pth", weights(), _use_new_zipfile_serialization=False)
    save("past-storage.pth", forged(0, (4, 5), (5, 1)))
    save("past-storage-stride.pth", forged(1, (4, 4), (2**40, 1)))
    save("negative-size.pth", forged(0, (-1,), (1,)))
    save("negative-offset.pth", forged(-4, (2,), (1,)))
    save("overflowing-shape.pth", forged(0, (2**40, 2**40), (0, 0)))
    save("rank-mismatch.pth", forged(0, (2, 2), (1,)))

    deep = weights()
    for _ in range(60):
        deep = {"model": deep}
    save("deep.pth", deep)
    shared = {"image_encoder.pos_embed": torch.ones(1)}
    for _ in range(30):
        shared = {"a": shared, "b": shared}
    save("exponential.pth", shared)

    script = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(script, str(folder / "torchscript.pth"))

    plain = folder / "plain.pth"
    same = lambda name, data: [(name, data)]
    rewrite(plain, folder / "deflated.pth", same, zipfile.ZIP_DEFLATED)
    rewrite(plain, folder / "big-endian.pth", lambda n, d: [(n, b"big" if n.endswith("byteorder") else d)])
    rewrite(plain, folder / "lacks-record.pth", lambda n, d: [] if n.endswith("data/1") else [(n, d)])
    rewrite(plain, folder / "short-record.pth", lambda n, d: [(n, d[:-4] if n.endswith("data/1") else d)])
    rewrite(plain, folder / "renamed.pth", lambda n, d: [("any name/" + n.split("/", 1)[1], d)])
    rewrite(plain, folder / "no-byteorder.pth", lambda n, d: [] if n.endswith("byteorder") else [(n, d)])
    rewrite(plain, folder / "no-pickle.pth", lambda n, d: [] if n.endswith("data.pkl") else [(n, d)])
    rewrite(plain, folder / "short-pickle.pth", lambda n, d: [(n, d[:40] if n.endswith("data.pkl") else d)])
    for name, bad in {
        "empty-stack.pth": b"\x80\x02R.",
        "missing-memo.pth": b"\x80\x02h\x05.",
        "text-opcode.pth": b"\x80\x02I5\n.",
        "extension.pth": b"\x80\x02\x82\x01.",
        "protocol-0.pth": b"(dp0\n.",
        "negative-length.pth": b"\x80\x02X\xff\xff\xff\xffabc.",
        "self-containing.pth": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    }.items():
        rewrite(plain, folder / name, lambda n, d: [(n, bad if n.endswith("data.pkl") else d)])

    with tarfile.open(folder / "legacy-tar.pth", "w") as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())

    # What Python makes of them shows that the evil ones are evil.
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        torch.load(folder / "os-system.pth", weights_only=False)
        assert pathlib.Path(MARKER).exists(), "os-system.pth does nothing"
        os.chdir(folder)


def main() -> None:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "test/fixtures").resolve()
    make_huggingface(root / "hf-sam-tiny")
    make_checkpoints(root / "checkpoints")
    names = sorted(str(p.relative_to(root)) for f in ("hf-sam-tiny", "checkpoints") for p in (root / f).iterdir())
    print(json.dumps({n: (root / n).stat().st_size for n in names}, indent=1))


if __name__ == "__main__":
    main()
