// The training data on disk: a folder with index.json and slices-NNN.safetensors,
// memory-mapped. lib/dataset/slice-store.ts writes it; docs/training.md describes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gmiseg::io {

struct SliceInfo {
  std::string dataset, subject, modality, split;  // split: "train" | "val" | "test"
  int64_t axis = 2, index = 0;                    // 0 = i, 1 = j, 2 = k of the source volume
  double row_spacing = 0, column_spacing = 0;     // mm, 0 = unknown
  int64_t height = 0, width = 0, channels = 1;
  std::vector<std::pair<int64_t, int64_t>> labels;  // label value -> pixels
};

class SliceStore {
 public:
  // Reads index.json, maps the shards and checks every entry against them.
  // Throws Error(kDataset) naming the file and the entry.
  static std::shared_ptr<SliceStore> open(const std::string& folder);
  virtual ~SliceStore() = default;
  virtual const std::vector<SliceInfo>& slices() const = 0;
  virtual const uint8_t* image(size_t slice) const = 0;  // [height, width, channels]
  virtual const uint8_t* mask(size_t slice) const = 0;   // [height, width], label values
};

}  // namespace gmiseg::io
