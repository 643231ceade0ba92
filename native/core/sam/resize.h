// Pillow's antialiased bilinear resize of 8-bit images, bit for bit. LibTorch's
// own uint8 kernel keeps fewer bits of the weights: up to 2.4 % of the pixels of
// the fixtures come out one grey level off.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::sam {

// uint8 [C, H, W] (any strides) -> uint8 [C, height, width].
at::Tensor resize_uint8(const at::Tensor& image, int64_t height, int64_t width);

}  // namespace gmiseg::sam
