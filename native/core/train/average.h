// A running mean of the weights: a steady learning rate without its noise.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace gmiseg::train {

class WeightAverage {
 public:
  using Named = std::vector<std::pair<std::string, at::Tensor>>;

  // Parameters: float32. decay: share of the mean that a step leaves, in (0, 1).
  WeightAverage(const Named& parameters, double decay);
  // After step number `step` (from 1): early means forget faster, so that the start leaves no trace.
  void update(int64_t step);
  // The mean changes places with the weights.
  void swap();
  // Views for saving and loading, named after the parameters.
  const Named& state() const { return means_; }

 private:
  double decay_;
  std::vector<at::Tensor> weights_;
  Named means_;
};

// The model holds the mean while this lives. Null: nothing happens.
class Averaged {
 public:
  explicit Averaged(WeightAverage* average) : average_(average) {
    if (average_ != nullptr) average_->swap();
  }
  ~Averaged() {
    if (average_ != nullptr) average_->swap();
  }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  WeightAverage* average_;
};

}  // namespace gmiseg::train
