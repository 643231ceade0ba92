// Which pictures and masks a run trains on, and how one becomes an augmented sample.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "io/slice_store.h"
#include "runtime/rng.h"
#include "train/options.h"

namespace gmiseg::train {

struct SampleRef {
  size_t store = 0, slice = 0;
  int64_t label = 0;
};

// One task: a data set's label along one axis.
struct Task {
  std::string name;  // "acdc/3/k"
  std::vector<SampleRef> samples;
};

class SampleIndex {
 public:
  // Opens the stores and lists what options.datasets, labels and minPixels
  // let through. Throws Error(kDataset) if the split "train" is left empty.
  explicit SampleIndex(const TrainOptions& options);

  const std::vector<Task>& train() const { return train_; }
  const std::vector<Task>& validation() const { return validation_; }
  // uint8 [C, H, W] and bool [H, W]: the image is a view of the map, treat it as read-only.
  at::Tensor image(const SampleRef& ref) const;
  at::Tensor mask(const SampleRef& ref) const;

 private:
  std::vector<std::shared_ptr<io::SliceStore>> stores_;
  std::vector<Task> train_, validation_;
};

struct Sample {
  at::Tensor image;  // uint8 [C, H, W]
  at::Tensor mask;   // bool [H, W]
};

// Mirrors, scales, rotates and bends intensities as the options say. A mask
// that falls below minPixels keeps its geometry.
Sample augment(const Sample& sample, const TrainOptions& options, runtime::Rng& rng);

}  // namespace gmiseg::train
