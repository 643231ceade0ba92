// A support set, distilled once into a small state that no query changes; and a
// query read against it. Everything of the support side is a mean over its images
// or a softmax over their tokens: order and repetition do not matter, and the
// state's size does not grow with their number.
#pragma once

#include <utility>
#include <vector>

#include "sam/image_encoder.h"
#include "sam/two_way_transformer.h"
#include "support/config.h"

namespace gmiseg::support {

// Feature maps of B images, finest scale first: [B, c, 4 g, 4 g], [B, c, 2 g, 2 g], [B, C, g, g].
struct Maps {
  std::vector<at::Tensor> features;
  // Share of each cell that is picture and not padding, [B, 1, h, w] a scale; empty where all is picture.
  std::vector<at::Tensor> inside;
};

// What each of B support images has to say, before it is averaged.
struct Contributions {
  struct Scale {
    at::Tensor sums, mass;       // [B, bins, values + 1], [B, bins, 1]
    at::Tensor location;         // [B, values + 1, h, w]
    at::Tensor inside, outside;  // second moments of the ridge features in and off the mask, [B, R, R]
  };
  std::vector<Scale> scales;
  at::Tensor keys, values;  // tokens of the coarsest scale, [B, g * g, C]

  // The images at these places of the batch, in this order.
  Contributions select(const at::Tensor& index) const;
};

// Batches of contributions, one after the other.
Contributions join(const std::vector<Contributions>& parts);

// The states of T tasks.
struct TaskState {
  struct Scale {
    at::Tensor histogram;  // [T, bins, values + 2]
    at::Tensor location;   // [T, values + 1, h, w]
    at::Tensor ridge;      // [T, R]
  };
  std::vector<Scale> scales;
  at::Tensor keys, values;  // memory tokens, [T, M, C]
  at::Tensor tokens;        // sparse prompts, [T, tokens, C]
};

struct DensePrediction {
  at::Tensor logits;  // [B, 1, 4 g, 4 g], also SAM's mask prompt
  at::Tensor tokens;  // [B, tokens, C], joining SAM's sparse prompts
};

// conv - norm - ReLU - conv - norm, added to a (projected) copy of the input, ReLU.
class ConvBlockImpl : public torch::nn::Module {
 public:
  ConvBlockImpl(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);

 private:
  sam::Conv2d conv0_{nullptr}, conv1_{nullptr}, skip_{nullptr};
  sam::LayerNorm2d norm0_{nullptr}, norm1_{nullptr};
};
TORCH_MODULE(ConvBlock);

// Pre-norm attention and MLP, both residual.
class ReadBlockImpl : public torch::nn::Module {
 public:
  ReadBlockImpl(int64_t dim, int64_t heads);
  // To the tokens themselves.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& pe);
  // To a memory.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& query_pe, const at::Tensor& keys,
                     const at::Tensor& values);

 private:
  at::Tensor digest(const at::Tensor& y);

  sam::LayerNorm norm0_{nullptr}, norm1_{nullptr};
  sam::DecoderAttention attention_{nullptr};
  sam::Linear lin0_{nullptr}, lin1_{nullptr};
};
TORCH_MODULE(ReadBlock);

class TaskEncoderImpl : public torch::nn::Module {
 public:
  TaskEncoderImpl(const TaskEncoderConfig& config, const sam::SamConfig& sam);
  TaskEncoderConfig config;

  // image: the encoder's input [B, 3, S, S]. `inside` [B, 1, S, S] or undefined: 1 on the picture, 0 on
  // padding.
  Maps maps(const at::Tensor& image, const sam::ImageFeatures& features, const at::Tensor& inside);
  // masks [B, 1, 4 g, 4 g] in [0, 1]; positions: PromptEncoder::dense_pe.
  Contributions contribute(const Maps& supports, const at::Tensor& masks, const at::Tensor& positions);
  // T * S contributions, task by task -> the states of T tasks.
  TaskState combine(const Contributions& supports, int64_t tasks);
  // T * Q queries, task by task.
  DensePrediction predict(const Maps& queries, const TaskState& state, const at::Tensor& positions);

 private:
  struct Scale {
    sam::Conv2d bins{nullptr}, squeeze{nullptr}, value0{nullptr}, value1{nullptr}, ridge{nullptr};
    at::Tensor penalty;  // [1], log of the ridge penalty
  };
  at::Tensor tokens(const at::Tensor& embedding);
  at::Tensor ridge_features(Scale& scale, const at::Tensor& features, const at::Tensor& inside);
  at::Tensor read(Scale& scale, const TaskState::Scale& state, const Maps& queries, size_t index);

  std::vector<Scale> scales_;
  sam::Stem side_stem_{nullptr};
  sam::Conv2d token_proj_{nullptr}, mask_patch_{nullptr};
  sam::LayerNorm2d token_norm_{nullptr};
  sam::LayerNorm memory_norm_{nullptr}, read_norm_{nullptr};
  sam::Embedding latents_{nullptr};
  std::vector<ReadBlock> distill_, attend_, joint_;
  sam::Linear fuse_{nullptr}, token_out_{nullptr};
  std::vector<ConvBlock> up_;
  sam::Conv2d head_{nullptr};
};
TORCH_MODULE(TaskEncoder);

}  // namespace gmiseg::support
