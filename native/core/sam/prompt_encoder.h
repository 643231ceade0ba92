// Points, boxes and masks -> the decoder's sparse tokens and dense map.
#pragma once

#include <vector>

#include "sam/config.h"
#include "sam/layers.h"

namespace gmiseg::sam {

// Prompts in the frame of the encoder's input (0 .. image_size), one row an object.
struct Prompts {
  at::Tensor points;  // [P, N, 2] as (x, y), or undefined
  at::Tensor labels;  // [P, N]: 1 foreground, 0 background, -1 padding (any dtype)
  at::Tensor boxes;   // [P, 4] as x0, y0, x1, y1, or undefined
  at::Tensor masks;   // [P, 1, low_res, low_res] logits, or undefined
};

// Random Fourier features of positions in [0, 1]^2.
class PositionEmbeddingRandomImpl : public torch::nn::Module {
 public:
  explicit PositionEmbeddingRandomImpl(int64_t features);
  at::Tensor forward(const at::Tensor& coordinates);  // [..., 2] -> [..., 2 * features], float32
  at::Tensor positional_encoding_gaussian_matrix;     // buffer [2, features]
};
TORCH_MODULE(PositionEmbeddingRandom);

struct EncodedPrompts {
  at::Tensor sparse;  // [P, N, C]
  at::Tensor dense;   // [P, C, grid, grid]
};

class PromptEncoderImpl : public torch::nn::Module {
 public:
  explicit PromptEncoderImpl(const SamConfig& config);
  // `rows`: how many objects, for prompts that have no tensor to tell. `grid`: of the embedding that they are
  // for; 0 = the config's own.
  EncodedPrompts forward(const Prompts& prompts, int64_t rows, int64_t grid = 0);
  // [1, C, grid, grid]: the decoder's positions. Kept until another grid is asked about.
  const at::Tensor& dense_pe(int64_t grid = 0);

 private:
  // `side`: of the encoder's input.
  at::Tensor embed_points(const at::Tensor& points, const at::Tensor& labels, bool pad, double side);
  at::Tensor embed_boxes(const at::Tensor& boxes, double side);

  int64_t patch_size_, grid_;
  bool dense_prompts_;
  PositionEmbeddingRandom pe_layer_{nullptr};
  std::vector<Embedding> point_embeddings_;
  at::Tensor positions_;
  const void* positions_of_ = nullptr;  // the matrix that they were made with
  Embedding not_a_point_embed_{nullptr}, no_mask_embed_{nullptr};
  Conv2d mask0_{nullptr}, mask3_{nullptr}, mask6_{nullptr};
  LayerNorm2d mask1_{nullptr}, mask4_{nullptr};
};
TORCH_MODULE(PromptEncoder);

// Points and boxes as a map [P, 1, low, low] of the mask prompt's kind, for
// SamConfig::dense_prompts: in a box from 1 at its edge to 2 at its middle and -2
// away from it, Gaussian spots of +-4 at points, 0 where nothing is known.
// Undefined if there are neither.
at::Tensor paint_prompts(const Prompts& prompts, int64_t low_res, int64_t image_size);

}  // namespace gmiseg::sam
