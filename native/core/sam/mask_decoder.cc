#include "sam/mask_decoder.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <torch/types.h>

#include "runtime/one_thread.h"

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
  if (!config.stem.empty()) {
    skip0_ = register_module("skip0", Conv2d(config.stem[0], dim / 8, 1, 1, 0, true));
    skip1_ = register_module("skip1", Conv2d(config.stem[1], dim / 4, 1, 1, 0, true));
    mix0_ = register_module("mix0", Conv2d(dim / 8, dim / 8, 3, 1, 1, true));
    mix1_ = register_module("mix1", Conv2d(dim / 4, dim / 4, 3, 1, 1, true));
  }
  auto list = register_module("output_hypernetworks_mlps", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < kMaskTokens; ++i) {
    hypernetworks_.push_back(list->register_module(std::to_string(i), Mlp(dim, dim, dim / 8, 3)));
  }
  iou_head_ = register_module("iou_prediction_head", Mlp(dim, config.iou_head_hidden_dim, kMaskTokens, 3));
}

namespace {

// One row an image -> one row a prompt; a single image broadcasts.
at::Tensor for_rows(const at::Tensor& images, int64_t rows) {
  const int64_t count = images.size(0);
  return count == 1 || count == rows ? images : images.repeat_interleave(rows / count, 0);
}

at::Tensor row_of(const at::Tensor& images, int64_t row) {
  return images.size(0) == 1 ? images : images.narrow(0, row, 1);
}

}  // namespace

MaskDecoderImpl::FirstLook MaskDecoderImpl::look(const ImageFeatures& features, const at::Tensor& positions,
                                                 const EncodedPrompts& prompts) {
  // Without mask prompts all rows see one and the same map.
  const bool shared = features.embedding.size(0) == 1 && prompts.dense.stride(0) == 0;
  const auto dense = shared ? prompts.dense.narrow(0, 0, 1) : prompts.dense;
  return transformer_->look(for_rows(features.embedding, prompts.sparse.size(0)) + dense, positions);
}

DecodedMasks MaskDecoderImpl::forward(const ImageFeatures& features, const at::Tensor& positions,
                                      const EncodedPrompts& prompts, MaskChoice choice,
                                      const FirstLook* seen) {
  const int64_t rows = prompts.sparse.size(0);
  const auto own = at::cat({iou_token_->weight, mask_tokens_->weight}, 0).unsqueeze(0);
  const auto tokens = at::cat({own.expand({rows, -1, -1}), prompts.sparse}, 1);
  const auto state =
      transformer_->begin(seen != nullptr ? *seen : look(features, positions, prompts), tokens);
  std::vector<at::Tensor> maps;
  if (!features.high_res.empty()) {
    maps = {for_rows(skip0_->forward(features.high_res[0]), rows),
            for_rows(skip1_->forward(features.high_res[1]), rows)};
  }
  if (rows == 1 || at::GradMode::is_enabled() || !tokens.is_cpu())
    return finish(state, maps, positions, tokens, choice);
  // On a CPU a row at a time is fastest: its maps stay in the caches, and their memory is used again. Of
  // several rows each thread does its own, since what is to do for one of them is too little to share well.
  std::vector<at::Tensor> logits(static_cast<size_t>(rows)), iou(logits.size());
  const auto decode = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::vector<at::Tensor> own_maps;
      for (const auto& map : maps) own_maps.push_back(row_of(map, row));
      auto one = finish({state.queries.narrow(0, row, 1), row_of(state.keys, row)}, own_maps, positions,
                        tokens.narrow(0, row, 1), choice);
      logits[static_cast<size_t>(row)] = std::move(one.logits);
      iou[static_cast<size_t>(row)] = std::move(one.iou);
    }
  };
  if (2 * rows < at::get_num_threads()) {
    decode(0, rows);
  } else {
    const at::ThreadLocalState caller;  // no gradients there either
    at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
      const at::ThreadLocalStateGuard guard(caller);
      decode(begin, end);
    });
  }
  return {at::cat(logits), at::cat(iou)};
}

// A cell's descendants side by side until the masks are there, which are few: nothing large is turned.
at::Tensor MaskDecoderImpl::upscaled(const at::Tensor& image, const at::Tensor& mixing, int64_t height,
                                     int64_t width) {
  auto cells = gelu_of(up1_->forward_cells(up0_->forward_cells(image)));
  cells = gelu_of(up3_->forward_cells(cells));
  const int64_t rows = cells.size(0), masks = mixing.size(1);
  return at::matmul(mixing, cells.flatten(1, 3).transpose(1, 2))
      .view({rows, masks, height, width, 2, 2, 2, 2})
      .permute({0, 1, 2, 4, 6, 3, 5, 7})
      .reshape({rows, masks, 4 * height, 4 * width});
}

at::Tensor MaskDecoderImpl::upscaled(const at::Tensor& image, const std::vector<at::Tensor>& maps,
                                     const at::Tensor& mixing, int64_t height, int64_t width) {
  // Tokens as they lie are the channels-last map.
  auto map = image.unflatten(1, {height, width}).permute({0, 3, 1, 2});
  map = gelu_of(up1_->forward(up0_->forward(map) + maps[1]));
  map = gelu_of(map + mix1_->forward(map));
  map = gelu_of(up3_->forward(map) + maps[0]);
  map = gelu_of(map + mix0_->forward(map));
  return at::matmul(mixing, map.flatten(2)).unflatten(2, {map.size(2), map.size(3)});
}

DecodedMasks MaskDecoderImpl::finish(const TwoWayTransformerImpl::State& state,
                                     const std::vector<at::Tensor>& maps, const at::Tensor& positions,
                                     const at::Tensor& tokens, MaskChoice choice) {
  const int64_t height = positions.size(2), width = positions.size(3);
  const auto [queries, image] = transformer_->finish(state, positions, tokens);
  std::vector<at::Tensor> weights;
  const int64_t first = choice == MaskChoice::kMulti ? 1 : 0,
                last = choice == MaskChoice::kSingle ? 1 : kMaskTokens;
  DecodedMasks out;
  {
    const runtime::OneThread alone(queries.is_cpu() && queries.size(0) == 1);
    for (int64_t i = first; i < last; ++i)
      weights.push_back(hypernetworks_[i]->forward(queries.select(1, 1 + i)));
    out.iou = iou_head_->forward(queries.select(1, 0)).slice(1, first, last);
  }
  const auto mixing = at::stack(weights, 1);  // [rows, M, C]
  out.logits =
      maps.empty() ? upscaled(image, mixing, height, width) : upscaled(image, maps, mixing, height, width);
  return out;
}

}  // namespace gmiseg::sam
