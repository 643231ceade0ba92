// Hugging Face's SamModel: its names and its config in ours.
#pragma once

#include <string>

#include "io/json.h"

namespace gmiseg::io {

// The reference's name of one of transformers' weights, "vision_encoder.layers.0..."
// -> "image_encoder.blocks.0..."; names that agree come back unchanged. Both
// copies of the positional embedding get the same name.
std::string translate_huggingface_name(const std::string& name);

// Whether this is the config.json of a SamModel.
bool is_huggingface_config(const Json& json);

// config.json of a SamModel -> our keys. Throws Error(kCheckpointFormat) that
// names the setting where the model is of a kind that we do not have. `path` is the file's.
Json translate_huggingface_config(const Json& json, const std::string& path);

}  // namespace gmiseg::io
