import time

import torch
from torch.nn import functional

import runtime
import sam_model


class Decode:
    """Masks for all boxes in one call, from an embedding: enlarged to the picture and cut at 0."""

    def __init__(self, settings):
        dtype = runtime.DTYPES[settings["dtype"]]
        self.device = runtime.device(settings)
        self.model = sam_model.load(settings).to(self.device, dtype)
        self.size = settings["size"]
        self.boxes = torch.tensor([settings["boxes"]], dtype=dtype, device=self.device)
        with torch.inference_mode():
            picture = sam_model.prepared(sam_model.read_picture(settings).to(self.device), dtype)
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
            masks.cpu().numpy(), answer.iou_scores.float().cpu().numpy()
        seconds = time.perf_counter() - start
        per_prompt = 1000 * seconds / self.boxes.shape[1]
        values = {"seconds": seconds, "perPromptMs": per_prompt, **runtime.device_peak(self.device)}
        return values, lambda: low.float().cpu().numpy()
