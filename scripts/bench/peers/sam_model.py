"""transformers' SamModel with the weights of a file that gmiseg wrote."""

import json
import re

import numpy as np
import torch
import transformers
from safetensors import safe_open
from transformers import SamConfig, SamModel

import runtime

# From the checkpoint's names to those of transformers: native/core/io/huggingface.cc, the other way round.
PREFIXES = [
    ("image_encoder.patch_embed.proj.", "vision_encoder.patch_embed.projection."),
    ("image_encoder.neck.0.", "vision_encoder.neck.conv1."),
    ("image_encoder.neck.1.", "vision_encoder.neck.layer_norm1."),
    ("image_encoder.neck.2.", "vision_encoder.neck.conv2."),
    ("image_encoder.neck.3.", "vision_encoder.neck.layer_norm2."),
    ("image_encoder.blocks.", "vision_encoder.layers."),
    ("image_encoder.", "vision_encoder."),
    (
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "shared_image_embedding.positional_embedding",
    ),
    ("prompt_encoder.point_embeddings.", "prompt_encoder.point_embed."),
    ("prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."),
    ("prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."),
    ("prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."),
    ("prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."),
    ("prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."),
    ("mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."),
    ("mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."),
    ("mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."),
    ("mask_decoder.transformer.norm_final_attn.", "mask_decoder.transformer.layer_norm_final_attn."),
]
# Their MLPs are proj_in, layers, proj_out.
MLP_LAYERS = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}


def translated(name):
    for old, new in PREFIXES:
        if name.startswith(old):
            name = new + name[len(old) :]
            break
    if name.startswith(("vision_encoder.layers.", "mask_decoder.transformer.layers.")):
        name = re.sub(r"\.norm(\d)\.", r".layer_norm\1.", name)
    if name.startswith(("mask_decoder.output_hypernetworks_mlps.", "mask_decoder.iou_prediction_head.")):
        name = re.sub(r"\.layers\.([012])\.", lambda match: f".{MLP_LAYERS[match[1]]}.", name)
    return name


def translated_config(config):
    """The keys of gmiseg's config.json as a SamConfig."""
    width = config["prompt_embed_dim"]
    sides = {"image_size": config["image_size"], "patch_size": config["patch_size"]}
    return SamConfig(
        vision_config={
            **sides,
            "hidden_size": config["embed_dim"],
            "output_channels": width,
            "num_hidden_layers": config["depth"],
            "num_attention_heads": config["num_heads"],
            "window_size": config["window_size"],
            "global_attn_indexes": config["global_attn_indexes"],
            "num_pos_feats": width // 2,
            "mlp_dim": config["mlp_dim"],
        },
        prompt_encoder_config={**sides, "hidden_size": width},
        mask_decoder_config={
            "hidden_size": width,
            "mlp_dim": config["decoder_mlp_dim"],
            "num_attention_heads": config["decoder_num_heads"],
            "iou_head_hidden_dim": config["iou_head_hidden_dim"],
            "layer_norm_eps": config["decoder_norm_eps"],
        },
    )


def read_config(file):
    with safe_open(file, "pt") as weights:
        return json.loads(weights.metadata()["gmiseg.config"])


def load(settings):
    """The model in float32, with the attention that the settings name: `eager` or `sdpa`."""
    runtime.use_threads(settings)
    config = translated_config(read_config(settings["model"]))
    config._attn_implementation = settings.get("attention", "eager")
    model = SamModel._from_config(config, attn_implementation=config._attn_implementation)
    with safe_open(settings["model"], "pt") as weights:
        state = {translated(name): weights.get_tensor(name) for name in weights.keys()}
    position = "shared_image_embedding.positional_embedding"
    state["prompt_encoder.shared_embedding.positional_embedding"] = state[position]
    model.load_state_dict(state, strict=True)
    return model.eval()


def facts():
    return {**runtime.facts(), "transformers": transformers.__version__}


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def read_picture(settings):
    """Raw RGB of the settings' `image` as uint8 [size, size, 3]."""
    size = settings["size"]
    return torch.from_numpy(np.fromfile(settings["image"], np.uint8)).view(size, size, 3)


def prepared(picture, dtype):
    """[1, 3, size, size] as the encoder takes it."""
    pixels = picture.permute(2, 0, 1).float() / 255
    return ((pixels - MEAN.to(pixels.device)) / DEVIATION.to(pixels.device)).unsqueeze(0).to(dtype)
