#include "train/learner.h"

#include <torch/types.h>

#include "runtime/error.h"

namespace gmiseg::train {

std::unique_ptr<Learner> learner_of(model::Model& model, const TrainOptions& options) {
  return (model.baseline ? baseline_learner : sam_learner)(model, options);
}

void choose(torch::nn::Module& module, const std::string& prefix, bool wanted, io::NamedTensors& chosen) {
  for (auto& item : module.named_parameters()) {
    auto& p = item.value();
    p.set_requires_grad(false);
    p.mutable_grad().reset();
    if (!wanted) continue;
    // Small updates would vanish in bfloat16.
    p.set_data(p.detach().to(at::kFloat).clone());
    p.set_requires_grad(true);
    chosen.emplace_back(prefix + item.key(), p);
  }
}

}  // namespace gmiseg::train
