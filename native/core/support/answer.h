// A query's masks from a task's state: the task encoder's own, and SAM's from it.
#pragma once

#include "sam/sam.h"
#include "support/task_encoder.h"

namespace gmiseg::support {

// Where queries are answered: their features as SAM and as the task encoder see them.
struct Queries {
  const sam::ImageFeatures& features;
  const Maps& maps;
};

struct Answer {
  DensePrediction dense;
  sam::DecodedMasks refined;  // one mask a row
};

// positions: PromptEncoder::dense_pe.
Answer answer(sam::SamImpl& sam, TaskEncoderImpl& task_encoder, const Queries& queries,
              const TaskState& state, const at::Tensor& positions);

// SAM's masks from a dense prediction that is there already. `prompts`: further clicks, boxes or a mask, one
// row a query, or empty; the dense logits are added to a mask.
sam::DecodedMasks refine(sam::SamImpl& sam, const sam::ImageFeatures& features, const DensePrediction& dense,
                         const at::Tensor& positions, const sam::Prompts& prompts);

}  // namespace gmiseg::support
