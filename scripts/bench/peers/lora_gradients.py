"""lora_gradients.py SETTINGS: gradients of a LoRA step by SamModel, beside those in a run's second checkpoint.

SETTINGS is JSON: model, size, folder (of image.u8 and mask.u8), out (the run, whose first checkpoint has the weights).
Prints JSON: how many tensors, the largest and the median relative difference.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

import sam_model
from sam_train import LoraQkv, focal_and_dice

settings = json.loads(sys.argv[1])
size, folder = settings["size"], pathlib.Path(settings["folder"])


def read(name):
    return torch.from_numpy(np.fromfile(folder / name, np.uint8)).view(size, size)


first, second = (load_file(file) for file in sorted(pathlib.Path(settings["out"]).glob("checkpoint-*.safetensors")))
model = sam_model.load({**settings, "attention": "eager"}).requires_grad_(False)
adapters = []
for index, layer in enumerate(model.vision_encoder.layers):
    layer.attn.qkv = adapter = LoraQkv(layer.attn.qkv, 4)
    for part in ("q", "v"):
        for side in ("down", "up"):
            name = f"adapter.blocks.{index}.{part}.{side}"
            weight = getattr(adapter, f"{part}_{side}").weight
            weight.data.copy_(first[f"weights.{name}"])
            adapters.append((name, weight))

image, mask = read("image.u8"), read("mask.u8")
ys, xs = torch.nonzero(mask, as_tuple=True)
box = torch.stack([xs.min(), ys.min(), xs.max(), ys.max()]).float().view(1, 1, 4)
picture = sam_model.prepared(image.unsqueeze(2).expand(-1, -1, 3), torch.float32)
answer = model(
    image_embeddings=model.vision_encoder(picture).last_hidden_state, input_boxes=box, multimask_output=False
)
low = answer.pred_masks.shape[-1]
target = functional.adaptive_avg_pool2d(mask.float()[None, None], low).ge(0.5).float().view(answer.pred_masks.shape)
focal_and_dice(answer.pred_masks, target).backward()

apart = []
for name, weight in adapters:
    theirs, ours = weight.grad, second[f"exp_avg.{name}"]
    apart.append(((ours - theirs).norm().item() / theirs.norm().item(), name))
apart.sort()
print(json.dumps({"tensors": len(apart), "largest": apart[-1][0], "name": apart[-1][1], "median": apart[len(apart) // 2][0]}))
