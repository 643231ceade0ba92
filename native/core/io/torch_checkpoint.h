// `.pth` / `.pt` zip files as torch.save writes them, through a reader of the
// pickle subset they need. It executes nothing: globals outside the list are
// opaque values that are refused where a tensor or a string is wanted.
#pragma once

#include <string>

#include "io/safetensors.h"

namespace gmiseg::io {

// Every tensor found, nested dicts joined by '.', e.g. "model.image_encoder...".
// Storages are mapped, shared ones stay shared. Throws Error(kCheckpointFormat) for
// truncated, compressed, legacy (tar or plain pickle), Git-LFS pointers, foreign classes.
TensorFile read_torch_checkpoint(const std::string& path);

}  // namespace gmiseg::io
