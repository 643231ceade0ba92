// AdamW with decoupled weight decay on LibTorch's fused kernel, which also
// skips a step with non-finite gradients without asking the device.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace gmiseg::train {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  // Weight decay also on vectors (biases, norms): as PyTorch does by default.
  bool decay_vectors = false;
};

class AdamW {
 public:
  // Parameters: float32, on one device.
  AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters, const AdamWOptions& options);

  void zero_grad();
  // Scales all gradients so that their common norm is at most `clip` (0 = no
  // limit). Returns {norm, 1 if it is not finite else 0}, on the device.
  std::pair<at::Tensor, at::Tensor> clip(double limit);
  // One step; nothing changes where `skip` holds 1.
  void step(double learning_rate, const at::Tensor& skip);

  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const { return parameters_; }
  // Moments and step counts, named after the parameters, as views for saving and loading.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  std::vector<at::Tensor> gradients() const;

  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  AdamWOptions options_;
  std::vector<at::Tensor> exp_avg_, exp_avg_sq_, steps_;
};

}  // namespace gmiseg::train
