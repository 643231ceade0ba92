import time

import torch
from torch.nn import functional

import runtime

# Shorter measurements would be of the clock's and the scheduler's whims.
LEAST_SECONDS = 0.5


class Gemm:
    """The roof: FLOP/s of the linear layers of a block, of which nearly all of an encoder consists."""

    def __init__(self, settings):
        runtime.use_threads(settings)
        self.device = where = runtime.device(settings)
        # A GPU is fed ahead.
        self.passes_at_once = 1 if where.type == "cpu" else 100
        dtype = runtime.DTYPES[settings["dtype"]]
        tokens, width, hidden = settings["tokens"], settings["width"], settings["hidden"]
        shapes = [(width, 3 * width), (width, width), (width, hidden), (hidden, width)]
        self.layers = [
            tuple(torch.randn(shape).to(where, dtype) for shape in [(tokens, k), (n, k), (n,)])
            for k, n in shapes
        ]
        self.flops = sum(2 * tokens * k * n for k, n in shapes)
        self.facts = runtime.facts()

    def repeat(self):
        passes, start, seconds = 0, time.perf_counter(), 0.0
        with torch.inference_mode():
            while seconds < LEAST_SECONDS:
                for _ in range(self.passes_at_once):
                    for x, weight, bias in self.layers:
                        functional.linear(x, weight, bias)
                runtime.finish(self.device)
                passes += self.passes_at_once
                seconds = time.perf_counter() - start
        return {"seconds": seconds, "passes": passes, "gflops": passes * self.flops / seconds / 1e9}, None
