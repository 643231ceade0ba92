// What leave-one-out shares with the engine "learned": each example is read once.
#pragma once

#include "support/answer.h"
#include "support/engine.h"

namespace gmiseg::support {

// Share of each low-resolution cell that is target, [1, low, low].
at::Tensor mask_cells(const Example& example, const sam::SamConfig& config);

// Throws Error(kInvalidArg) for a model without task encoder.
Contributions contributions_of(model::Model& model, const std::vector<Example>& examples,
                               const Progress& progress);

// [H, W] of the picture each, on the CPU.
struct LearnedLogits {
  at::Tensor dense, refined;
  at::Tensor probability(const std::string& output) const;  // FitOptions::output
};

// Without `refined` SAM's decoder is not asked, and its logits are undefined.
LearnedLogits learned_logits(model::Model& model, const TaskState& state, const Seen& query,
                             const sam::Prompts& prompts, bool refined);

std::unique_ptr<Engine> learned_engine(model::Model& model, TaskState state, const std::string& output);

}  // namespace gmiseg::support
