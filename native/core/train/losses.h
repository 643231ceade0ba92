// The loss of DESIGN 4, per sample, in float32 whatever the logits are.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::train {

struct SegmentationLoss {
  at::Tensor focal, dice;  // [B]
};

// logits, target [B, 1, h, w]; target in [0, 1]. Focal: alpha 0.25, gamma 2,
// mean over pixels. Dice: sigmoid, plain sums in the denominator, smooth 1.
SegmentationLoss segmentation_loss(const at::Tensor& logits, const at::Tensor& target);

// Cross-entropy (mean over pixels) and Dice with squares in the denominator: what trains a
// network that has to find a target, not only to outline it. [B].
at::Tensor dense_loss(const at::Tensor& logits, const at::Tensor& target);

// Dice with squares in the denominator, smooth 1. [B].
at::Tensor soft_dice_loss(const at::Tensor& logits, const at::Tensor& target);

// Intersection over union of {logits > 0} and {target > .5}, [B]; 1 where both are empty.
at::Tensor mask_iou(const at::Tensor& logits, const at::Tensor& target);

// Dice of {logits > 0} and {target > .5}, [B]; 1 where both are empty.
at::Tensor mask_dice(const at::Tensor& logits, const at::Tensor& target);

}  // namespace gmiseg::train
