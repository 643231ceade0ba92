// safetensors, read strictly through a memory map and written atomically.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gmiseg::io {

// Name -> tensor in file order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
using Metadata = std::map<std::string, std::string>;

struct TensorFile {
  NamedTensors tensors;  // views of the map (copy-on-write): alive as long as one tensor is
  Metadata metadata;
};

// Every check of spec/libtorch.md 1: throws Error(kCheckpointNotFound | kCheckpointFormat).
TensorFile read_safetensors(const std::string& path);

// Writes to a temporary name beside `path`, syncs and renames. Tensors may live
// on any device and need not be contiguous. Throws Error(kIo).
void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {});

// Writes bytes the same way: temporary name, fsync, rename, fsync of the folder.
void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace gmiseg::io
