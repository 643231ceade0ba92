// Neuralizer (Czolbe and Dalca, CVPR 2023): a pairwise-conv-average U-Net. Weights have the names of the
// published ones, and the published configuration their 1 273 859 parameters. Pictures and masks stand in the
// first of three channels.
#pragma once

#include "baselines/in_context.h"
#include "baselines/layers.h"

namespace gmiseg::baselines {

class Neuralizer : public InContext {
 public:
  explicit Neuralizer(const Config& config);
  void init(uint64_t seed) override;

 protected:
  at::Tensor target_of(const at::Tensor& images) const override;
  at::Tensor context_of(const at::Tensor& images, const at::Tensor& masks) const override;
  at::Tensor logits_of(const at::Tensor& output) const override;
  at::Tensor probability_of(const at::Tensor& output) const override;
  at::Tensor begin(Side side, const at::Tensor& input) override;
  at::Tensor told(int64_t level, const at::Tensor& target) override;
  at::Tensor noted(int64_t level, const at::Tensor& contexts) override;
  at::Tensor next_target(int64_t level, const at::Tensor& told, const at::Tensor& mean_noted) override;
  at::Tensor next_context(int64_t level, const at::Tensor& noted, const at::Tensor& told) override;
  at::Tensor enlarged(const at::Tensor& x) const override;
  at::Tensor joined(Side side, int64_t level, const at::Tensor& both) override;
  at::Tensor end(const at::Tensor& target) override;

 private:
  // x + convolutions with GELU between them, and GELU.
  using Residual = std::vector<sam::Conv2d>;
  Residual residual(const std::string& name);
  struct Block {
    Residual context, target;
    sam::Conv2d combine_context{nullptr}, combine_target{nullptr};  // of cat(context, target)
  };
  struct Join {
    sam::Conv2d context{nullptr}, target{nullptr};
  };
  sam::Conv2d target_embedding_{nullptr}, context_embedding_{nullptr};
  std::vector<Block> blocks_;
  std::vector<Join> joins_;
  Residual out_;
  sam::Conv2d head_{nullptr};
};

}  // namespace gmiseg::baselines
