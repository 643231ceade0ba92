#include "train/adamw.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

namespace gmiseg::train {

AdamW::AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& [name, p] : parameters_) {
    exp_avg_.push_back(at::zeros_like(p));
    exp_avg_sq_.push_back(at::zeros_like(p));
    steps_.push_back(at::zeros({}, p.options().requires_grad(false)));
  }
}

void AdamW::zero_grad() {
  for (auto& [name, p] : parameters_) p.mutable_grad().reset();
}

std::vector<at::Tensor> AdamW::gradients() const {
  std::vector<at::Tensor> out;
  for (const auto& [name, p] : parameters_) {
    // What took no part in this batch (no mask prompt, say) rests, but its moments decay as PyTorch's would
    // with zeros.
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    out.push_back(p.grad());
  }
  return out;
}

std::pair<at::Tensor, at::Tensor> AdamW::clip(double limit) {
  torch::NoGradGuard no_grad;
  auto grads = gradients();
  const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(grads)));
  const auto bad = at::isfinite(norm).logical_not().to(at::kFloat);
  if (limit > 0) at::_foreach_mul_(grads, at::clamp_max(limit / (norm + 1e-6), 1.0));
  return {norm, bad};
}

void AdamW::step(double learning_rate, const at::Tensor& skip) {
  torch::NoGradGuard no_grad;
  const auto grads = gradients();
  std::vector<at::Tensor> p[2], g[2], m[2], v[2], t[2];
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const int group = parameters_[i].second.dim() > 1 || options_.decay_vectors ? 1 : 0;
    p[group].push_back(parameters_[i].second);
    g[group].push_back(grads[i]);
    m[group].push_back(exp_avg_[i]);
    v[group].push_back(exp_avg_sq_[i]);
    t[group].push_back(steps_[i]);
  }
  at::_foreach_add_(steps_, 1);
  for (int group = 0; group < 2; ++group) {
    if (p[group].empty()) continue;
    at::_fused_adamw_(p[group], g[group], m[group], v[group], {}, t[group], learning_rate, options_.beta1,
                      options_.beta2, group == 1 ? options_.weight_decay : 0.0, options_.epsilon,
                      /*amsgrad=*/false,
                      /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/skip);
  }
  const std::vector<at::Tensor> back(steps_.size(), skip.squeeze());
  at::_foreach_sub_(steps_, back);
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    out.emplace_back("exp_avg." + parameters_[i].first, exp_avg_[i]);
    out.emplace_back("exp_avg_sq." + parameters_[i].first, exp_avg_sq_[i]);
    out.emplace_back("step." + parameters_[i].first, steps_[i]);
  }
  return out;
}

}  // namespace gmiseg::train
