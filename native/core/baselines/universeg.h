// UniverSeg (Butoi et al., ICCV 2023): cross-convolutions between a query and a support set. Weights have the
// names of the published ones, and the released configuration their 1 182 785 parameters.
#pragma once

#include "baselines/in_context.h"
#include "baselines/layers.h"

namespace gmiseg::baselines {

class UniverSeg : public InContext {
 public:
  explicit UniverSeg(const Config& config);
  void init(uint64_t seed) override;

 protected:
  at::Tensor target_of(const at::Tensor& images) const override { return images; }
  at::Tensor context_of(const at::Tensor& images, const at::Tensor& masks) const override;
  at::Tensor logits_of(const at::Tensor& output) const override { return output; }
  at::Tensor probability_of(const at::Tensor& output) const override;
  at::Tensor begin(Side, const at::Tensor& input) override { return input; }
  at::Tensor told(int64_t level, const at::Tensor& target) override;
  at::Tensor noted(int64_t, const at::Tensor& contexts) override { return contexts; }
  at::Tensor next_target(int64_t level, const at::Tensor& told, const at::Tensor& mean_noted) override;
  at::Tensor next_context(int64_t level, const at::Tensor& noted, const at::Tensor& told) override;
  at::Tensor enlarged(const at::Tensor& x) const override;
  at::Tensor joined(Side, int64_t, const at::Tensor& both) override { return both; }
  at::Tensor end(const at::Tensor& target) override { return out_->forward(target); }

 private:
  // conv(cat(u, v)) = conv_u(u) + conv_v(v): the query's share is worked out once for all supports, and the
  // mean over the supports goes through the linear other half as one map. No activation in between, as
  // released.
  struct Block {
    sam::Conv2d cross{nullptr}, target{nullptr}, support{nullptr};
    int64_t query_channels;  // the first of the cross-convolution's
  };
  std::vector<Block> blocks_;
  sam::Conv2d out_{nullptr};
};

}  // namespace gmiseg::baselines
