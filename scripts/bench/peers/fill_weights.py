"""fill_weights.py FROM TO: gives random values to tensors that start as one value, such as positions and norms.

What is zero everywhere takes part in no difference between two implementations.
"""

import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

source, target = sys.argv[1:]
torch.manual_seed(0)
with safe_open(source, "pt") as weights:
    metadata = weights.metadata()
    tensors = {name: weights.get_tensor(name) for name in weights.keys()}
for name, tensor in tensors.items():
    if tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
        tensors[name] = tensor + 0.02 * torch.randn(tensor.shape)
save_file(tensors, target, metadata)
