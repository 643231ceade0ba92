#include "sam/sam.h"

namespace gmiseg::sam {

SamImpl::SamImpl(const SamConfig& c) : config(c) {
  config.validate();
  image_encoder = register_module("image_encoder", ImageEncoder(config));
  prompt_encoder = register_module("prompt_encoder", PromptEncoder(config));
  mask_decoder = register_module("mask_decoder", MaskDecoder(config));
}

std::vector<std::pair<std::string, at::Tensor>> named_weights(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (const auto& item : module.named_parameters()) out.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) out.emplace_back(item.key(), item.value());
  return out;
}

}  // namespace gmiseg::sam
