// x W^T + b with gradients, by whichever of LibTorch's libraries is faster at it.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::sam {

// Whether that is oneDNN, on a weight as it is.
bool prefers_onednn(const at::Tensor& x, const at::Tensor& weight);

// x: [..., in], weight: [out, in], bias: [out] or undefined -> [..., out].
at::Tensor linear_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace gmiseg::sam
