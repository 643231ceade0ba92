#include "baselines/layers.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace gmiseg::baselines {

at::Tensor instance_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::instance_norm(x, weight, bias, {}, {}, /*use_input_stats=*/true, /*momentum=*/0, /*eps=*/1e-5,
                           /*cudnn_enabled=*/true);
}

at::Tensor add_to_each(const at::Tensor& x, const at::Tensor& y) {
  return (x.unflatten(0, {y.size(0), -1}) + y.unsqueeze(1)).flatten(0, 1);
}

at::Tensor conv_part(const at::Tensor& x, const at::Tensor& weight, int64_t first, const at::Tensor& bias) {
  const int64_t padding = weight.size(2) / 2;
  return at::conv2d(x, weight.slice(1, first, first + x.size(1)), bias, at::IntArrayRef{1, 1},
                    at::IntArrayRef{padding, padding});
}

}  // namespace gmiseg::baselines
