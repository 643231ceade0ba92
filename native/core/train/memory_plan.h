// Which activations a training keeps and which it computes again, so that a step fits into memory.
#pragma once

#include <vector>

#include "io/json.h"
#include "model/model.h"
#include "train/objective.h"

namespace gmiseg::train {

struct MemoryPlan {
  std::vector<bool> recompute;  // by block of the encoder
  int64_t held = 0;             // bytes that are there whatever the step does: weights, moments, the process
  int64_t expected = 0;         // the step's peak with this plan, `held` included

  io::Json to_json(int64_t budget) const;
};

// Measures a step, on `batch`: with all blocks recomputed, and what one block of each kind keeps. `held`:
// bytes that will be held beside what the process has now. Leaves gradients behind, no weight changes. Throws
// Error(kOutOfMemory) with the remedy where even recomputing everything does not fit.
MemoryPlan plan_memory(model::Model& model, Objective& objective, const Batch& batch, int64_t budget,
                       int64_t held);

}  // namespace gmiseg::train
