// Pictures as the baselines take them, and their answers back on the picture's pixels.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::baselines {

// uint8 [1 or 3, H, W] -> [1, 1, size, size] float32: grey (Rec. 601), both sides resized, minimum and
// maximum to [0, 1].
at::Tensor picture_input(const at::Tensor& pixels, int64_t size);

// bool [H, W] -> [1, 1, size, size] float32, 0 or 1: whether half of a cell is mask.
at::Tensor mask_input(const at::Tensor& mask, int64_t size);

// Probability [1, 1, size, size] -> [1, 1, height, width].
at::Tensor on_picture(const at::Tensor& probability, int64_t height, int64_t width);

}  // namespace gmiseg::baselines
