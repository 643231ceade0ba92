// Segment Anything, whole; submodule names are the checkpoint's.
#pragma once

#include "sam/image_encoder.h"
#include "sam/mask_decoder.h"
#include "sam/prompt_encoder.h"

namespace gmiseg::sam {

class SamImpl : public torch::nn::Module {
 public:
  explicit SamImpl(const SamConfig& config);
  const SamConfig config;
  ImageEncoder image_encoder{nullptr};
  PromptEncoder prompt_encoder{nullptr};
  MaskDecoder mask_decoder{nullptr};
};
TORCH_MODULE(Sam);

// Parameters and persistent buffers, in the module's order, with their names.
std::vector<std::pair<std::string, at::Tensor>> named_weights(const torch::nn::Module& module);

}  // namespace gmiseg::sam
