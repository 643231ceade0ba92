import time

import numpy as np
import scipy
from scipy import ndimage


class Distances:
    """SciPy's distance transform of a volume, whose first axis is the fastest in the file `mask`."""

    def __init__(self, settings):
        shape = settings["shape"][::-1]
        self.mask = np.fromfile(settings["mask"], np.uint8).reshape(shape)
        self.spacing = settings["spacing"][::-1]
        self.facts = {"scipy": scipy.__version__, "threads": 1}

    def repeat(self):
        start = time.perf_counter()
        distances = ndimage.distance_transform_edt(self.mask == 0, sampling=self.spacing)
        return {"seconds": time.perf_counter() - start}, lambda: distances
