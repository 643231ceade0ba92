// CycleGAN (Zhu et al., ICCV 2017) between pictures and masks, both one channel in [-1, 1]. Layers, names
// below a generator or discriminator and initialisation are those of the authors' code.
#pragma once

#include <utility>
#include <vector>

#include "baselines/layers.h"
#include "baselines/network.h"
#include "io/safetensors.h"

namespace gmiseg::baselines {

// Kernel 3, stride 2, padding 1, output padding 1: doubles both sides.
class EnlargingConvImpl : public torch::nn::Module {
 public:
  EnlargingConvImpl(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);
  at::Tensor weight, bias;  // [in, out, 3, 3], [out]
};
TORCH_MODULE(EnlargingConv);

// Residual network between a stem that quarters the sides and its mirror image; tanh at the end.
class GeneratorImpl : public torch::nn::Module {
 public:
  GeneratorImpl(int64_t width, int64_t blocks);
  at::Tensor forward(at::Tensor x);  // [B, 1, S, S] -> the same

 private:
  sam::Conv2d first_{nullptr}, last_{nullptr};
  std::vector<sam::Conv2d> down_;
  std::vector<std::pair<sam::Conv2d, sam::Conv2d>> blocks_;
  std::vector<EnlargingConv> up_;
};
TORCH_MODULE(Generator);

// 70 x 70 PatchGAN: one score for each patch, without a sigmoid.
class DiscriminatorImpl : public torch::nn::Module {
 public:
  explicit DiscriminatorImpl(int64_t width);
  at::Tensor forward(at::Tensor x);  // [B, 1, S, S] -> [B, 1, S / 8 - 2, S / 8 - 2]

 private:
  std::vector<sam::Conv2d> convs_;
};
TORCH_MODULE(Discriminator);

class CycleGan : public Network {
 public:
  explicit CycleGan(const Config& config);
  bool in_context() const override { return false; }
  at::Tensor predict(const at::Tensor& image, const Support& support, const Progress& progress) override;
  void init(uint64_t seed) override;

  Generator to_mask{nullptr}, to_image{nullptr};
  Discriminator mask_judge{nullptr}, image_judge{nullptr};
};

// Earlier fakes, among which a discriminator is shown some: until it is full it keeps and returns each new
// one; then it returns half of them, and for the others a stored one that they replace.
class ImagePool {
 public:
  static constexpr int64_t kSize = 50;
  ImagePool(int64_t side, c10::Device device);
  // fakes [B, 1, S, S], detached; draws: two numbers in [0, 1) for each.
  at::Tensor exchange(const at::Tensor& fakes, const double* draws);
  // Views, for saving and loading.
  io::NamedTensors state(const std::string& prefix) const;

 private:
  at::Tensor images_, count_;  // [kSize, 1, S, S], [1] int64 on the CPU
};

}  // namespace gmiseg::baselines
