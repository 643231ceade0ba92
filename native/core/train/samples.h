// Which pictures and masks a run trains on, and how one becomes an augmented sample.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "io/json.h"
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
  // `options` must outlive the index.
  explicit SampleIndex(const TrainOptions& options);

  const std::vector<Task>& train() const { return train_; }
  const std::vector<Task>& validation() const { return validation_; }
  // uint8 [C, H, W] and label values uint8 [H, W]: views of the map, treat them as read-only.
  at::Tensor image(const SampleRef& ref) const;
  at::Tensor labels(const SampleRef& ref) const;
  // The task's own mask, bool [H, W].
  at::Tensor mask(const SampleRef& ref) const { return labels(ref).eq(ref.label); }
  const std::string& subject(const SampleRef& ref) const;
  // [{name, samples}] of the training tasks.
  io::Json describe() const;
  // Labels of the slice that are samples, the ref's own among them.
  std::vector<int64_t> labels_in(const SampleRef& ref) const;

 private:
  bool usable(int64_t label, int64_t pixels) const;

  const TrainOptions& options_;
  std::vector<std::shared_ptr<io::SliceStore>> stores_;
  std::vector<Task> train_, validation_;
};

struct Sample {
  at::Tensor image;   // uint8 [C, H, W]
  at::Tensor labels;  // uint8 [H, W]
};

// Mirrors, scales, rotates and bends intensities as the options say. Where
// `label` would fall below minPixels, scale and angle stay.
Sample augment(const Sample& sample, int64_t label, const TrainOptions& options, runtime::Rng& rng);

}  // namespace gmiseg::train
