#include "baselines/input.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace gmiseg::baselines {

namespace {

at::Tensor resized(const at::Tensor& x, int64_t height, int64_t width) {
  return at::_upsample_bilinear2d_aa(x, {height, width}, false);
}

}  // namespace

at::Tensor picture_input(const at::Tensor& pixels, int64_t size) {
  const auto x = pixels.to(at::kFloat);
  const auto grey = x.size(0) == 1 ? x : (0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]).unsqueeze(0);
  const auto small = resized(grey.unsqueeze(0), size, size);
  const auto low = small.min(), span = small.max() - low;
  return (small - low) / span.clamp_min(1e-6);
}

at::Tensor mask_input(const at::Tensor& mask, int64_t size) {
  return resized(mask.to(at::kFloat).unsqueeze(0).unsqueeze(0), size, size).ge(0.5).to(at::kFloat);
}

at::Tensor on_picture(const at::Tensor& probability, int64_t height, int64_t width) {
  // Interpolation of equal values may end a rounding error above them.
  return at::upsample_bilinear2d(probability.to(at::kFloat), {height, width}, false).clamp(0, 1);
}

}  // namespace gmiseg::baselines
