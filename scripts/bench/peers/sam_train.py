import time

import torch
from torch import nn
from torch.nn import functional

import runtime
import sam_model


class LoraQkv(nn.Module):
    """A frozen fused layer with low-rank additions on its first and last third, queries and values."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.width = base.in_features
        for name in ("q", "v"):
            down = nn.Linear(self.width, rank, bias=False)
            up = nn.Linear(rank, self.width, bias=False)
            nn.init.zeros_(up.weight)
            self.add_module(f"{name}_down", down)
            self.add_module(f"{name}_up", up)

    def forward(self, x):
        qkv = self.base(x)
        qkv[..., : self.width] += self.q_up(self.q_down(x))
        qkv[..., -self.width :] += self.v_up(self.v_down(x))
        return qkv


def focal_and_dice(logits, target):
    """Focal loss (alpha 0.25, gamma 2, mean over pixels) plus Dice loss (sigmoid, smooth 1)."""
    probability = logits.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = probability * target + (1 - probability) * (1 - target)
    alpha = 0.25 * target + 0.75 * (1 - target)
    shared = (probability * target).sum()
    dice = 1 - (2 * shared + 1) / (probability.sum() + target.sum() + 1)
    return (alpha * (1 - right) ** 2 * entropy).mean() + dice


class Train:
    """A step of LoRA with plain autograd: base frozen, no activation recomputed, one picture and one box."""

    def __init__(self, settings):
        self.model = sam_model.load(settings).requires_grad_(False)
        for layer in self.model.vision_encoder.layers:
            layer.attn.qkv = LoraQkv(layer.attn.qkv, settings["rank"])
        self.device = runtime.device(settings)
        self.model.to(self.device)
        self.autocast = settings["dtype"] == "bfloat16"
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.trained = trained
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4)
        size = settings["size"]
        self.picture = torch.rand(1, 3, size, size)
        self.box = torch.tensor([[[0.25, 0.25, 0.75, 0.75]]]) * size
        low = 4 * size // self.model.config.vision_config.patch_size
        self.target = torch.zeros(1, 1, 1, low, low)
        self.target[..., low // 4 : 3 * low // 4, low // 4 : 3 * low // 4] = 1
        self.picture, self.box, self.target = (
            each.to(self.device) for each in (self.picture, self.box, self.target)
        )
        self.facts = {**sam_model.facts(), "trained": sum(weight.numel() for weight in trained)}

    def repeat(self):
        start = time.perf_counter()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            embedding = self.model.vision_encoder(self.picture).last_hidden_state
            answer = self.model(
                image_embeddings=embedding, input_boxes=self.box, multimask_output=False
            )
        loss = focal_and_dice(answer.pred_masks.float(), self.target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        runtime.finish(self.device)
        loss = loss.item()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "loss": loss, **runtime.device_peak(self.device)}, None
