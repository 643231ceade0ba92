"""PyTorch, transformers and SciPy as contenders: answers the requests of lib/bench/protocol.ts."""

import importlib
import json
import os
import sys
import time

# Libraries may print; the answers have standard output to themselves.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

# Module and class of every workload; each loads no more than it needs, so that its memory is its own.
WORKLOADS = {
    "encode": ("sam_encode", "Encode"),
    "decode": ("sam_decode", "Decode"),
    "train": ("sam_train", "Train"),
    "universeg": ("universeg", "Universeg"),
    "gemm": ("gemm", "Gemm"),
    "distances": ("distances", "Distances"),
}


def peak_memory():
    """Largest resident memory of this process so far, in bytes: VmHWM of proc(5)."""
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main():
    workload = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["do"] == "prepare":
                start = time.perf_counter()
                module, name = WORKLOADS[request["workload"]]
                workload = getattr(importlib.import_module(module), name)(request["settings"])
                values = {**workload.facts, "seconds": time.perf_counter() - start}
            else:
                values, output = workload.repeat()
                if "save" in request and output is not None:
                    output().astype("<f4").tofile(request["save"])
            answer = {"ok": True, "values": values, "peakBytes": peak_memory()}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
