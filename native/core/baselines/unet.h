// A supervised upper bound: a small 2-D U-Net after nnU-Net (Isensee et al., Nature Methods 2021), for one
// task. Convolution, instance norm, leaky ReLU, twice a stage; strided convolutions down, transposed ones up;
// an answer at every size of the decoder; mirrored pictures at test time.
#pragma once

#include <vector>

#include "baselines/layers.h"
#include "baselines/network.h"

namespace gmiseg::baselines {

class NormedConvImpl : public torch::nn::Module {
 public:
  NormedConvImpl(int64_t in, int64_t out, int64_t stride);
  at::Tensor forward(const at::Tensor& x);

 private:
  sam::Conv2d conv_{nullptr};
  at::Tensor weight_, bias_;  // of the norm
};
TORCH_MODULE(NormedConv);

class UNet : public Network {
 public:
  explicit UNet(const Config& config);
  bool in_context() const override { return false; }
  // Logits [B, 1, S / 2^i, S / 2^i] of pictures [B, 1, S, S], the finest first.
  std::vector<at::Tensor> forward(const at::Tensor& images);
  // Mean over the four mirrorings.
  at::Tensor predict(const at::Tensor& image, const Support& support, const Progress& progress) override;
  void init(uint64_t seed) override;

 private:
  struct Stage {
    NormedConv first{nullptr}, second{nullptr};
  };
  Stage stage(const std::string& name, int64_t in, int64_t out, int64_t stride);
  std::vector<Stage> encoder_, decoder_;
  std::vector<sam::UpConv2d> up_;
  std::vector<sam::Conv2d> heads_;
};

}  // namespace gmiseg::baselines
