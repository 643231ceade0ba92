// Trades time for memory in training: a segment's activations are thrown away
// and computed again in the backward pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace gmiseg::runtime {

// segment(x) with the gradients of x and of every parameter that `segment`
// uses. The segment must be deterministic and must outlive the backward pass.
// Autocast is replayed as it was.
at::Tensor checkpoint(const std::function<at::Tensor(const at::Tensor&)>& segment, const at::Tensor& x);

}  // namespace gmiseg::runtime
