#include "support/answer.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace gmiseg::support {

sam::DecodedMasks refine(sam::SamImpl& sam, const sam::ImageFeatures& features, const DensePrediction& dense,
                         const at::Tensor& positions, const sam::Prompts& prompts) {
  auto all = prompts;
  // SAM's mask prompts are logits of a few units; far outliers would drown the rest.
  const auto mask = dense.logits.clamp(-10, 10);
  all.masks = prompts.masks.defined() ? prompts.masks + mask : mask;
  auto encoded = sam.prompt_encoder->forward(all, mask.size(0), positions.size(2));
  encoded.sparse = at::cat({encoded.sparse, dense.tokens.to(encoded.sparse.scalar_type())}, 1);
  return sam.mask_decoder->forward(features, positions, encoded, sam::MaskChoice::kSingle);
}

Answer answer(sam::SamImpl& sam, TaskEncoderImpl& task_encoder, const Queries& queries,
              const TaskState& state, const at::Tensor& positions) {
  Answer out;
  out.dense = task_encoder.predict(queries.maps, state, positions);
  out.refined = refine(sam, queries.features, out.dense, positions, {});
  return out;
}

}  // namespace gmiseg::support
