"""What PyTorch's contenders share."""

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def use_threads(settings):
    """Sets the threads of one operation; 0 leaves the choice to PyTorch."""
    if settings.get("threads", 0) > 0:
        torch.set_num_threads(settings["threads"])


def facts():
    return {
        "torch": torch.__version__,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
