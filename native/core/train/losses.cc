#include "train/losses.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace gmiseg::train {

namespace {

constexpr double kAlpha = 0.25;

struct Counts {
  at::Tensor both, prediction, truth;
};

Counts count(const at::Tensor& logits, const at::Tensor& target) {
  const auto p = logits.gt(0).flatten(1), t = target.gt(0.5).flatten(1);
  return {(p & t).sum(1).to(at::kFloat), p.sum(1).to(at::kFloat), t.sum(1).to(at::kFloat)};
}

at::Tensor ratio(const at::Tensor& above, const at::Tensor& below) {
  return at::where(below > 0, above / below.clamp_min(1), at::ones_like(below));
}

}  // namespace

SegmentationLoss segmentation_loss(const at::Tensor& logits, const at::Tensor& target) {
  const auto x = logits.to(at::kFloat).flatten(1), t = target.to(at::kFloat).flatten(1);
  const auto p = x.sigmoid();
  const auto cross_entropy = at::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
  const auto p_t = p * t + (1 - p) * (1 - t);
  const auto alpha_t = kAlpha * t + (1 - kAlpha) * (1 - t);
  SegmentationLoss out;
  out.focal = (alpha_t * (1 - p_t).square() * cross_entropy).mean(1);
  out.dice = 1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1);
  return out;
}

at::Tensor dense_loss(const at::Tensor& logits, const at::Tensor& target) {
  const auto x = logits.to(at::kFloat).flatten(1), t = target.to(at::kFloat).flatten(1);
  const auto p = x.sigmoid();
  const auto cross_entropy = at::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None).mean(1);
  return cross_entropy + 1 - (2 * (p * t).sum(1) + 1) / (p.square().sum(1) + t.square().sum(1) + 1);
}

at::Tensor soft_dice_loss(const at::Tensor& logits, const at::Tensor& target) {
  const auto p = logits.to(at::kFloat).flatten(1).sigmoid(), t = target.to(at::kFloat).flatten(1);
  return 1 - (2 * (p * t).sum(1) + 1) / (p.square().sum(1) + t.square().sum(1) + 1);
}

at::Tensor mask_iou(const at::Tensor& logits, const at::Tensor& target) {
  const auto c = count(logits, target);
  return ratio(c.both, c.prediction + c.truth - c.both);
}

at::Tensor mask_dice(const at::Tensor& logits, const at::Tensor& target) {
  const auto c = count(logits, target);
  return ratio(2 * c.both, c.prediction + c.truth);
}

}  // namespace gmiseg::train
