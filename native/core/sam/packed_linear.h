// Linear layers on weights that were laid out for the processor's matrix kernels once, instead of at every
// product.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::sam {

// Whether this LibTorch and the tensor (CPU, float32 or bfloat16) allow it, and the processor gains by it.
bool can_pack(const at::Tensor& weight);
// [out, in] -> the same in oneDNN's own layout; to_dense() leads back, bit for bit.
at::Tensor pack_linear(const at::Tensor& weight);

// [..., in] -> [..., out]; bias [out] or undefined. A weight that is not packed will do, and is laid out anew
// each time.
at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias);
at::Tensor packed_linear_gelu(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias);
// other [..., out]
at::Tensor packed_linear_add(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other);

}  // namespace gmiseg::sam
