import time

import torch

import runtime
import sam_model


class Encode:
    """One embedding of a picture, from 8-bit pixels to numbers in memory."""

    def __init__(self, settings):
        self.dtype = runtime.DTYPES[settings["dtype"]]
        self.device = runtime.device(settings)
        self.model = sam_model.load(settings).to(self.device, self.dtype)
        self.picture = sam_model.read_picture(settings)
        self.facts = sam_model.facts()

    def repeat(self):
        start = time.perf_counter()
        with torch.inference_mode():
            picture = sam_model.prepared(self.picture.to(self.device), self.dtype)
            embedding = self.model.get_image_embeddings(picture).float().cpu().numpy()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, **runtime.device_peak(self.device)}, lambda: embedding
