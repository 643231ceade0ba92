"""UniverSeg as its authors formulate it (Butoi et al., ICCV 2023), for the weights of gmiseg's."""

import time

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

import runtime


class CrossConv(nn.Conv2d):
    """A convolution over every target joined with every support: [B, 1, ...] x [B, S, ...] -> [B, S, ...]."""

    def forward(self, target, support):
        joined = torch.cat([target.expand(-1, support.shape[1], -1, -1, -1), support], 2)
        return super().forward(joined.flatten(0, 1)).unflatten(0, support.shape[:2])


def vmapped(function, x):
    """The function on every picture of [B, S, C, H, W]."""
    return function(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class CrossBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.cross = CrossConv(inputs, outputs, 3, padding=1)
        self.target = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.support = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, target, support):
        interaction = self.cross(target, support)
        mean = interaction.mean(1, keepdim=True)
        return (
            functional.leaky_relu(vmapped(self.target, mean)),
            functional.leaky_relu(vmapped(self.support, interaction)),
        )


def down(x):
    return vmapped(lambda y: functional.max_pool2d(y, 2), x)


def up(x):
    enlarge = lambda y: functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
    return vmapped(enlarge, x)


class Network(nn.Module):
    def __init__(self, widths):
        super().__init__()
        query, support = 1, 2
        self.enc_blocks, self.dec_blocks = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.enc_blocks.append(CrossBlock(query + support, width))
            query = support = width
        for skip in reversed(widths[:-1]):
            self.dec_blocks.append(CrossBlock(query + support + 2 * skip, skip))
            query = support = skip
        self.out_conv = nn.Conv2d(query, 1, 1)

    def forward(self, target, support):
        skips = []
        for block in self.enc_blocks:
            target, support = block(target, support)
            if len(skips) + 1 < len(self.enc_blocks):
                skips.append((target, support))
                target, support = down(target), down(support)
        for block in self.dec_blocks:
            target_skip, support_skip = skips.pop()
            target = torch.cat([up(target), target_skip], 2)
            support = torch.cat([up(support), support_skip], 2)
            target, support = block(target, support)
        return self.out_conv(target[:, 0])


def named(name):
    """gmiseg keeps the published names, in which every layer has its wrappers'."""
    return (
        name.replace(".cross.cross_conv.", ".cross.")
        .replace(".vmapped.conv.", ".")
        .replace("out_conv.conv.", "out_conv.")
    )


def read_pictures(file, size):
    return torch.from_numpy(np.fromfile(file, np.uint8)).view(1, -1, 1, size, size).float()


def stretched(x):
    """Each picture's minimum and maximum become 0 and 1."""
    low, high = x.amin((-1, -2), keepdim=True), x.amax((-1, -2), keepdim=True)
    return (x - low) / (high - low).clamp_min(1e-6)


class Universeg:
    """One new picture by UniverSeg from n examples; the pictures' file has it last."""

    def __init__(self, settings):
        runtime.use_threads(settings)
        weights = load_file(settings["model"])
        self.device = runtime.device(settings)
        self.network = Network(settings["config"]["widths"]).eval().to(self.device)
        self.network.load_state_dict({named(name): weight for name, weight in weights.items()})
        self.pictures = read_pictures(settings["pictures"], settings["size"]).to(self.device)
        self.masks = read_pictures(settings["masks"], settings["size"]).to(self.device)
        self.facts = runtime.facts()

    def repeat(self):
        start = time.perf_counter()
        with torch.inference_mode():
            pictures = stretched(self.pictures)
            support = torch.cat([pictures[:, :-1], self.masks], 2)
            probability = self.network(pictures[:, -1:], support).sigmoid().cpu().numpy()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, **runtime.device_peak(self.device)}, lambda: probability
