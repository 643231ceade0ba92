"""What PyTorch's contenders share."""

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def use_threads(settings):
    """Sets the threads of one operation; 0 leaves the choice to PyTorch."""
    if settings.get("threads", 0) > 0:
        torch.set_num_threads(settings["threads"])


def device(settings):
    """The settings' device. On a GPU products of float32 are not rounded to TF32, as with gmiseg."""
    found = torch.device(settings.get("device", "cpu"))
    if found.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return found


def finish(where):
    """Waits for what has been launched there."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)


def device_peak(where):
    """The most bytes that tensors have taken on a GPU."""
    return {"devicePeakMib": torch.cuda.max_memory_allocated(where) / 2**20} if where.type == "cuda" else {}


def facts():
    return {
        "torch": torch.__version__,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
