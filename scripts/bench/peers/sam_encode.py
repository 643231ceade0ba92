import time

import torch

import sam_model
from runtime import DTYPES


class Encode:
    """One embedding of a picture, from 8-bit pixels on."""

    def __init__(self, settings):
        self.dtype = DTYPES[settings["dtype"]]
        self.model = sam_model.load(settings).to(self.dtype)
        self.picture = sam_model.read_picture(settings)
        self.facts = sam_model.facts()

    def repeat(self):
        start = time.perf_counter()
        with torch.inference_mode():
            embedding = self.model.get_image_embeddings(sam_model.prepared(self.picture, self.dtype))
        return {"seconds": time.perf_counter() - start}, lambda: embedding.float().numpy()
