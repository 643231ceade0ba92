#include "train/average.h"

#include <ATen/Functions.h>
#include <torch/types.h>

#include <algorithm>

namespace gmiseg::train {

WeightAverage::WeightAverage(const Named& parameters, double decay) : decay_(decay) {
  for (const auto& [name, parameter] : parameters) {
    weights_.push_back(parameter);
    means_.emplace_back("average." + name, parameter.detach().clone());
  }
}

void WeightAverage::update(int64_t step) {
  torch::NoGradGuard no_grad;
  const auto n = static_cast<double>(step);
  const double keep = std::min(decay_, (1 + n) / (10 + n));
  std::vector<at::Tensor> means;
  for (const auto& [name, mean] : means_) means.push_back(mean);
  // All at once: on a GPU one launch instead of hundreds.
  at::_foreach_lerp_(means, weights_, 1 - keep);
}

void WeightAverage::swap() {
  for (size_t i = 0; i < weights_.size(); ++i) {
    const auto kept = weights_[i].detach();
    weights_[i].set_data(means_[i].second);
    means_[i].second.set_data(kept);
  }
}

}  // namespace gmiseg::train
