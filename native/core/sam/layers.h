// The few layers SAM needs. Parameters are left uninitialised on purpose: a
// checkpoint replaces them, and memory that nobody touched is never resident
// (LibTorch's own layers would draw 312 M random numbers first).
// `init_weights` fills them for training from scratch.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gmiseg::sam {

class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);  // [..., in] -> [..., out]
  // gelu(forward(x)), and forward(x) + other: without further memory where nothing is learned.
  at::Tensor forward_gelu(const at::Tensor& x);
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& other);

  // For inference on the CPU: the weight goes over into the layout that oneDNN's products want. Until
  // unpack(), `weight` keeps its shape, but no values and no memory. Not in InferenceMode. Returns whether it
  // was done now.
  bool pack();
  void unpack();

  // Whether the weight is bfloat16 and what it is applied to is not: it is widened for each product then.
  bool widens(const at::Tensor& x) const;

  at::Tensor weight, bias;  // [out, in], [out]

 private:
  at::Tensor weight_for(const at::Tensor& x) const;

  at::Tensor packed_;
};
TORCH_MODULE(Linear);

class Conv2dImpl : public torch::nn::Module {
 public:
  Conv2dImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding, bool with_bias);
  at::Tensor forward(const at::Tensor& x);
  at::Tensor weight, bias;

 private:
  int64_t stride_, padding_;
};
TORCH_MODULE(Conv2d);

// Kernel 2, stride 2: doubles both sides.
class UpConv2dImpl : public torch::nn::Module {
 public:
  UpConv2dImpl(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);
  // The same as a product, for maps whose channels lie last: [..., in] -> [..., 4, out], a cell's four in the
  // order of rows.
  at::Tensor forward_cells(const at::Tensor& x);
  at::Tensor weight, bias;  // [in, out, 2, 2], [out]
};
TORCH_MODULE(UpConv2d);

class LayerNormImpl : public torch::nn::Module {
 public:
  LayerNormImpl(int64_t dim, double eps);
  at::Tensor forward(const at::Tensor& x);  // over the last axis
  at::Tensor weight, bias;

 private:
  double eps_;
};
TORCH_MODULE(LayerNorm);

// Over the channels of [B, C, H, W]. eps is SAM's own by default. Layers that are ours take kSteadyEps: where
// a picture is flat, as on its padding, the channels hardly differ, and every norm would multiply gradients
// by up to 1 / sqrt(eps).
constexpr double kSteadyEps = 1e-3;
class LayerNorm2dImpl : public torch::nn::Module {
 public:
  explicit LayerNorm2dImpl(int64_t channels, double eps = 1e-6);
  at::Tensor forward(const at::Tensor& x);
  at::Tensor forward_cells(const at::Tensor& x);  // [..., C]
  at::Tensor weight, bias;

 private:
  double eps_;
};
TORCH_MODULE(LayerNorm2d);

class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t count, int64_t dim);
  at::Tensor weight;  // [count, dim]
};
TORCH_MODULE(Embedding);

// Linear layers with ReLU between them: `layers.0`, `layers.1`, ...
class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(int64_t in, int64_t hidden, int64_t out, int64_t count);
  at::Tensor forward(at::Tensor x);

 private:
  std::vector<Linear> layers_;
};
TORCH_MODULE(Mlp);

// Without further memory where nothing is learned: memory that is new costs more than the function itself.
at::Tensor gelu_of(at::Tensor x);

// Fills every parameter for training from scratch: Kaiming-uniform weights and
// biases as PyTorch's layers draw them, norms 1 and 0, embeddings N(0, 1),
// `pos_embed` N(0, 0.02), relative positions 0. The same seed gives the same values.
void init_weights(torch::nn::Module& module, uint64_t seed);

}  // namespace gmiseg::sam
