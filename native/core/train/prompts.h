// Prompts and targets made from ground-truth masks.
#pragma once

#include <utility>

#include "runtime/rng.h"
#include "sam/config.h"
#include "sam/transforms.h"
#include "train/options.h"

namespace gmiseg::train {

// What prompts a batch has, drawn for all of it; options' shares decide.
struct PromptKind {
  bool box = false, refine = false;
  int64_t points = 0;
  uint64_t noise_seed = 0;  // of the place of the refining click
};
PromptKind prompt_kind(const TrainOptions& options, runtime::Rng& rng);

// Points and boxes from a mask, in the frame of the encoder's input. `mask` is bool [H, W], not empty.
at::Tensor points_in_mask(const at::Tensor& mask, int64_t count, const sam::Frame& frame, runtime::Rng& rng);
at::Tensor box_of_mask(const at::Tensor& mask, double offset, const sam::Frame& frame, runtime::Rng& rng);

// The 8-connected part of `mask` [H, W], bool and not empty, that a random pixel of it belongs to.
at::Tensor random_part(const at::Tensor& mask, runtime::Rng& rng);

// The low-resolution target [1, low, low] of a mask.
at::Tensor low_res_target(const at::Tensor& mask, const sam::Frame& frame, const sam::SamConfig& config,
                          TargetMode mode);

// A click that corrects: a random place where {logits > 0} and {target > .5} differ. logits, target and noise
// [R, 1, low, low], noise in (0, 1]. Returns the point [R, 1, 2] in the input's frame and its label [R, 1].
std::pair<at::Tensor, at::Tensor> error_point(const at::Tensor& logits, const at::Tensor& target,
                                              const at::Tensor& noise, const sam::SamConfig& config);

}  // namespace gmiseg::train
