import time

import torch
from torch.nn import functional

import sam_model
from runtime import DTYPES


class Decode:
    """Masks for all boxes in one call, from an embedding: enlarged to the picture and cut at 0."""

    def __init__(self, settings):
        dtype = DTYPES[settings["dtype"]]
        self.model = sam_model.load(settings).to(dtype)
        self.size = settings["size"]
        self.boxes = torch.tensor([settings["boxes"]], dtype=dtype)
        with torch.inference_mode():
            picture = sam_model.prepared(sam_model.read_picture(settings), dtype)
            self.embedding = self.model.get_image_embeddings(picture)
        self.facts = sam_model.facts()

    def repeat(self):
        start = time.perf_counter()
        with torch.inference_mode():
            answer = self.model(
                image_embeddings=self.embedding, input_boxes=self.boxes, multimask_output=False
            )
            low = answer.pred_masks[0]
            masks = functional.interpolate(low.float(), (self.size, self.size), mode="bilinear") > 0
            masks.numpy(), answer.iou_scores.float().numpy()
        seconds = time.perf_counter() - start
        per_prompt = 1000 * seconds / self.boxes.shape[1]
        return {"seconds": seconds, "perPromptMs": per_prompt}, lambda: low.float().numpy()
