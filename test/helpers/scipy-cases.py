"""Distances, scores and tests as SciPy computes them, with what they were computed from, as JSON.

    python test/helpers/scipy-cases.py 1 > test/fixtures/metrics/scipy.json

The arguments are seeds, a line of JSON for each. --quick leaves out where SciPy takes seconds: permutations of 13 ties. The tests read that file and, where Python has SciPy, other seeds as well.
Shapes and spacings are NumPy's (last axis fastest); masks are strings of 0 and 1.
"""

import json
import sys

import numpy as np
import scipy
from scipy import ndimage, stats

if tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (1, 15):
    sys.exit(f"SciPy {scipy.__version__}: its Wilcoxon test takes other ways with ties than 1.15 and newer")

def blobs(shape, share, smooth):
    noise = ndimage.gaussian_filter(random.standard_normal(shape), smooth)
    return noise > np.quantile(noise, 1 - share)


def text(mask):
    return "".join("1" if value else "0" for value in mask.ravel())


def digits(values):
    return [float(f"{value:.15g}") for value in np.ravel(values)]


def distance_case(shape, spacing, share):
    mask = random.random(shape) < share
    return {
        "shape": shape,
        "spacing": spacing,
        "mask": text(mask),
        "distances": digits(ndimage.distance_transform_edt(~mask, sampling=spacing)),
    }


def surface(mask):
    return mask & ~ndimage.binary_erosion(mask, ndimage.generate_binary_structure(mask.ndim, 1), border_value=0)


def scores_case(shape, spacing, share, smooth):
    p, t = blobs(shape, share, smooth), blobs(shape, share, smooth)
    p = np.where(random.random(shape) < 0.8, t, p)
    sp, st = surface(p), surface(t)
    forward = ndimage.distance_transform_edt(~st, sampling=spacing)[sp]
    backward = ndimage.distance_transform_edt(~sp, sampling=spacing)[st]
    both = np.concatenate([forward, backward])
    tolerance = 1.5 * min(spacing)
    expected = {
        "dice": 2 * (p & t).sum() / (p.sum() + t.sum()),
        "jaccard": (p & t).sum() / (p | t).sum(),
        "asd": forward.mean(),
        "asdReverse": backward.mean(),
        "assd": (forward.mean() + backward.mean()) / 2,
        "assdPooled": both.mean(),
        "hd": both.max(),
        "hd95": np.percentile(both, 95),
        "hd95Max": max(np.percentile(forward, 95), np.percentile(backward, 95)),
        "nsd": (both <= tolerance * (1 + 1e-12)).mean(),
    }
    return {
        "shape": shape,
        "spacing": spacing,
        "tolerance": tolerance,
        "prediction": text(p),
        "truth": text(t),
        "expected": {name: float(value) for name, value in expected.items()},
    }


def wilcoxon_case(n, kind):
    values = random.normal(0.3, 1, n)
    if kind == "ties":
        values = np.round(values * 4) / 4
        values[values == 0] = 0.25
    if kind == "zeros":
        values[:: max(2, n // 4)] = 0
    cases = {"auto": stats.wilcoxon(values, correction=False)}
    cases["normal"] = stats.wilcoxon(values, correction=False, method="asymptotic")
    if kind == "plain":
        cases["exact"] = stats.wilcoxon(values, method="exact")
    return {
        "differences": digits(values),
        "p": {method: float(result.pvalue) for method, result in cases.items()},
        "least": float(cases["auto"].statistic),
    }


def bootstrap_case(n):
    values = random.beta(5, 2, n)
    found = stats.bootstrap((values,), np.mean, n_resamples=50000, method="percentile", random_state=random)
    return {
        "values": digits(values),
        "interval": digits([found.confidence_interval.low, found.confidence_interval.high]),
        "error": float(found.standard_error),
    }


quick = "--quick" in sys.argv
for seed in [argument for argument in sys.argv[1:] if argument != "--quick"]:
    random = np.random.default_rng(int(seed))
    json.dump(
        {
            "scipy": scipy.__version__,
            "distances": [
                distance_case([17, 23], [1, 1], 0.02),
                distance_case([19, 14], [0.7, 2.5], 0.05),
                distance_case([6, 9, 17], [3, 0.8, 0.8], 0.01),
                distance_case([8, 7, 9], [1, 1.3, 0.4], 0.1),
            ],
            "scores": [
                scores_case([24, 31], [1, 1], 0.3, 3),
                scores_case([30, 22], [2, 0.5], 0.2, 2),
                scores_case([40, 40], [0.3, 0.3], 0.01, 1),
                scores_case([9, 14, 18], [3, 0.8, 0.8], 0.3, 2),
                scores_case([12, 11, 10], [1, 1.5, 0.7], 0.2, 1),
            ],
            "wilcoxon": [
                wilcoxon_case(n, kind)
                for n, kind in [
                    (1, "plain"), (5, "plain"), (12, "plain"), (50, "plain"), (51, "plain"), (200, "plain"),
                    (8, "ties"), (11 if quick else 13, "ties"), (14, "ties"), (60, "ties"), (9, "zeros"), (40, "zeros"),
                ]
            ],
            "normal": [[z, float(stats.norm.sf(z))] for z in [-3, -0.5, 0, 0.01, 0.7, 1.96, 2.8, 2.9, 4, 8, 20]],
            "bootstrap": [bootstrap_case(n) for n in (6, 30)],
        },
        sys.stdout,
        separators=(",", ":"),
    )
    print()
