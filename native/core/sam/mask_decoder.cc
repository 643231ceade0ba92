#include "sam/mask_decoder.h"

#include <ATen/Functions.h>
#include <torch/types.h>

namespace gmiseg::sam {

MaskDecoderImpl::MaskDecoderImpl(const SamConfig& config) {
  const int64_t dim = config.prompt_embed_dim;
  transformer_ = register_module("transformer", TwoWayTransformer(config));
  iou_token_ = register_module("iou_token", Embedding(1, dim));
  mask_tokens_ = register_module("mask_tokens", Embedding(kMaskTokens, dim));
  auto up = register_module("output_upscaling", std::make_shared<torch::nn::Module>());
  up0_ = up->register_module("0", UpConv2d(dim, dim / 4));
  up1_ = up->register_module("1", LayerNorm2d(dim / 4));
  up3_ = up->register_module("3", UpConv2d(dim / 4, dim / 8));
  auto list = register_module("output_hypernetworks_mlps", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < kMaskTokens; ++i) {
    hypernetworks_.push_back(list->register_module(std::to_string(i), Mlp(dim, dim, dim / 8, 3)));
  }
  iou_head_ = register_module("iou_prediction_head", Mlp(dim, config.iou_head_hidden_dim, kMaskTokens, 3));
}

DecodedMasks MaskDecoderImpl::forward(const at::Tensor& embedding, const at::Tensor& positions,
                                      const EncodedPrompts& prompts, MaskChoice choice) {
  const int64_t rows = prompts.sparse.size(0);
  const auto own = at::cat({iou_token_->weight, mask_tokens_->weight}, 0).unsqueeze(0);
  const auto tokens = at::cat({own.expand({rows, -1, -1}), prompts.sparse}, 1);
  const auto [queries, image] = transformer_->forward(embedding + prompts.dense, positions, tokens);
  const int64_t grid = embedding.size(2);
  auto upscaled = up0_->forward(image.transpose(1, 2).reshape({rows, -1, grid, embedding.size(3)}));
  upscaled = at::gelu(up3_->forward(at::gelu(up1_->forward(upscaled))));
  std::vector<at::Tensor> weights;
  const int64_t first = choice == MaskChoice::kMulti ? 1 : 0,
                last = choice == MaskChoice::kSingle ? 1 : kMaskTokens;
  for (int64_t i = first; i < last; ++i)
    weights.push_back(hypernetworks_[i]->forward(queries.select(1, 1 + i)));
  const auto masks = at::matmul(at::stack(weights, 1), upscaled.flatten(2));
  DecodedMasks out;
  out.logits = masks.view({rows, last - first, upscaled.size(2), upscaled.size(3)});
  out.iou = iou_head_->forward(queries.select(1, 0)).slice(1, first, last);
  return out;
}

}  // namespace gmiseg::sam
