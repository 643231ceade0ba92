// Spherical k-means that the order of its input does not change: seeds are chosen by distance.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::support {

// features [n, C], unit rows -> at most `count` unit prototypes [k, C], k >= 1. Repeated rows change nothing.
at::Tensor prototypes(const at::Tensor& features, int64_t count);

}  // namespace gmiseg::support
