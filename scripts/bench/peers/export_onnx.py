"""export_onnx.py WEIGHTS SIZE TO: transformers' vision encoder with these weights as an ONNX graph."""

import sys

import torch

import sam_model


class Encoder(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels):
        return self.encoder(pixels).last_hidden_state


weights, size, target = sys.argv[1:]
model = sam_model.load({"model": weights})
torch.onnx.export(
    Encoder(model.vision_encoder).eval(),
    (torch.zeros(1, 3, int(size), int(size)),),
    target,
    input_names=["pixels"],
    output_names=["embedding"],
    dynamo=True,
    external_data=True,
)
