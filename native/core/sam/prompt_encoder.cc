#include "sam/prompt_encoder.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <cmath>

namespace gmiseg::sam {

PositionEmbeddingRandomImpl::PositionEmbeddingRandomImpl(int64_t features) {
  positional_encoding_gaussian_matrix =
      register_buffer("positional_encoding_gaussian_matrix", torch::empty({2, features}));
}

at::Tensor PositionEmbeddingRandomImpl::forward(const at::Tensor& coordinates) {
  // Sines of large arguments need the full precision whatever the weights have:
  // the matrix stays float32, and float32 products keep autocast out.
  const auto position = 2 * coordinates.to(at::kFloat) - 1;
  const auto& matrix = positional_encoding_gaussian_matrix;
  const auto angle =
      (position.select(-1, 0).unsqueeze(-1) * matrix[0] + position.select(-1, 1).unsqueeze(-1) * matrix[1]) *
      (2 * M_PI);
  return at::cat({angle.sin(), angle.cos()}, -1);
}

PromptEncoderImpl::PromptEncoderImpl(const SamConfig& config)
    : patch_size_(config.patch_size), grid_(config.grid()), dense_prompts_(config.dense_prompts) {
  const int64_t dim = config.prompt_embed_dim;
  constexpr int64_t kMaskChannels = 16;
  pe_layer_ = register_module("pe_layer", PositionEmbeddingRandom(dim / 2));
  auto points = register_module("point_embeddings", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < 4; ++i) {
    point_embeddings_.push_back(points->register_module(std::to_string(i), Embedding(1, dim)));
  }
  not_a_point_embed_ = register_module("not_a_point_embed", Embedding(1, dim));
  auto mask = register_module("mask_downscaling", std::make_shared<torch::nn::Module>());
  mask0_ = mask->register_module("0", Conv2d(1, kMaskChannels / 4, 2, 2, 0, true));
  mask1_ = mask->register_module("1", LayerNorm2d(kMaskChannels / 4));
  mask3_ = mask->register_module("3", Conv2d(kMaskChannels / 4, kMaskChannels, 2, 2, 0, true));
  mask4_ = mask->register_module("4", LayerNorm2d(kMaskChannels));
  mask6_ = mask->register_module("6", Conv2d(kMaskChannels, dim, 1, 1, 0, true));
  no_mask_embed_ = register_module("no_mask_embed", Embedding(1, dim));
}

at::Tensor PromptEncoderImpl::embed_points(const at::Tensor& points, const at::Tensor& labels, bool pad,
                                           double side) {
  auto coordinates = points.to(at::kFloat) + 0.5;
  auto kinds = labels.to(at::kInt);
  if (pad) {
    coordinates = at::cat({coordinates, at::zeros({points.size(0), 1, 2}, coordinates.options())}, 1);
    kinds = at::cat({kinds, at::full({points.size(0), 1}, -1, kinds.options())}, 1);
  }
  const auto is = [&](int kind) { return (kinds == kind).unsqueeze(-1); };
  auto out = pe_layer_->forward(coordinates / side).to(not_a_point_embed_->weight.scalar_type());
  out = at::where(is(-1), not_a_point_embed_->weight, out);
  out = at::where(is(0), out + point_embeddings_[0]->weight, out);
  return at::where(is(1), out + point_embeddings_[1]->weight, out);
}

at::Tensor PromptEncoderImpl::embed_boxes(const at::Tensor& boxes, double side) {
  const auto corners = (boxes.to(at::kFloat) + 0.5).view({-1, 2, 2});
  const auto kinds = at::cat({point_embeddings_[2]->weight, point_embeddings_[3]->weight}, 0);
  return pe_layer_->forward(corners / side).to(kinds.scalar_type()) + kinds;
}

EncodedPrompts PromptEncoderImpl::forward(const Prompts& prompts, int64_t rows, int64_t grid) {
  EncodedPrompts out;
  if (grid == 0) grid = grid_;
  const auto side = static_cast<double>(grid * patch_size_);
  const auto& weight = no_mask_embed_->weight;
  const int64_t dim = weight.size(1);
  std::vector<at::Tensor> sparse;
  if (prompts.points.defined() && prompts.points.size(1) > 0) {
    sparse.push_back(embed_points(prompts.points, prompts.labels, !prompts.boxes.defined(), side));
  }
  if (prompts.boxes.defined()) sparse.push_back(embed_boxes(prompts.boxes, side));
  out.sparse = sparse.empty() ? at::empty({rows, 0, dim}, weight.options()) : at::cat(sparse, 1);
  auto masks = prompts.masks;
  if (dense_prompts_) {
    const auto painted = paint_prompts(prompts, 4 * grid, grid * patch_size_);
    if (painted.defined()) masks = masks.defined() ? masks + painted : painted;
  }
  if (masks.defined()) {
    auto x = at::gelu(mask1_->forward(mask0_->forward(masks.to(weight.scalar_type()))));
    x = at::gelu(mask4_->forward(mask3_->forward(x)));
    out.dense = mask6_->forward(x);
  } else {
    out.dense = weight.view({1, dim, 1, 1}).expand({rows, dim, grid, grid});
  }
  return out;
}

at::Tensor paint_prompts(const Prompts& prompts, int64_t low_res, int64_t image_size) {
  const bool has_points = prompts.points.defined() && prompts.points.size(1) > 0;
  if (!has_points && !prompts.boxes.defined()) return {};
  const auto options = (has_points ? prompts.points : prompts.boxes).options().dtype(at::kFloat);
  const double cell = static_cast<double>(image_size) / static_cast<double>(low_res);
  // Centres of the cells in the input's pixels.
  const auto steps = (at::arange(low_res, options) + 0.5) * cell - 0.5;
  const auto x = steps.view({1, 1, low_res}), y = steps.view({1, low_res, 1});
  at::Tensor out;
  if (prompts.boxes.defined()) {
    const auto corner = prompts.boxes.to(at::kFloat).view({-1, 4, 1, 1}).unbind(1);
    const auto inside_x = at::minimum(x - corner[0], corner[2] - x);
    const auto inside_y = at::minimum(y - corner[1], corner[3] - y);
    const auto depth = at::minimum(inside_x, inside_y);
    const auto half = (at::minimum(corner[2] - corner[0], corner[3] - corner[1]) / 2).clamp_min(cell);
    out = at::where(depth >= 0, 1 + depth / half, (depth / (2 * cell)).clamp_min(-2));
  }
  if (has_points) {
    const auto points = prompts.points.to(at::kFloat);
    const auto dx = x.unsqueeze(0) - points.select(2, 0).unsqueeze(-1).unsqueeze(-1);
    const auto dy = y.unsqueeze(0) - points.select(2, 1).unsqueeze(-1).unsqueeze(-1);
    const double width = 1.5 * cell;
    const auto spot = at::exp((dx.square() + dy.square()) / (-2 * width * width));
    // +1 on the object, -1 off it, 0 for padding.
    const auto labels = prompts.labels.to(at::kFloat);
    const auto sign = at::where(labels >= 0, 2 * labels - 1, at::zeros_like(labels));
    const auto spots = 4 * (spot * sign.unsqueeze(-1).unsqueeze(-1)).sum(1);
    out = out.defined() ? out + spots : spots;
  }
  return out.unsqueeze(1);
}

const at::Tensor& PromptEncoderImpl::dense_pe(int64_t grid) {
  if (grid == 0) grid = grid_;
  const auto& matrix = pe_layer_->positional_encoding_gaussian_matrix;
  const auto type = no_mask_embed_->weight.scalar_type();
  if (positions_.defined() && positions_.size(2) == grid && positions_.scalar_type() == type &&
      positions_of_ == matrix.const_data_ptr())
    return positions_;
  // Kept for predictions and trainings alike.
  const c10::InferenceMode off(false);
  const at::NoGradGuard no_grad;
  const auto options = matrix.options().dtype(at::kFloat);
  const auto steps = (at::arange(grid, options) + 0.5) / static_cast<double>(grid);
  const auto y = steps.unsqueeze(1).expand({grid, grid}), x = steps.unsqueeze(0).expand({grid, grid});
  positions_ = pe_layer_->forward(at::stack({x, y}, -1)).to(type).permute({2, 0, 1}).unsqueeze(0);
  positions_of_ = matrix.const_data_ptr();
  return positions_;
}

}  // namespace gmiseg::sam
