#include "parity/report.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "runtime/error.h"

namespace gmiseg::parity {

namespace {

void same_shape(const std::string& name, const at::Tensor& got, const at::Tensor& want) {
  if (got.sizes() == want.sizes()) return;
  throw Error(ErrorCode::kShape,
              "The reference value '" + name + "' has another shape than what was computed.");
}

double difference(const std::string& name, const at::Tensor& got, const at::Tensor& want) {
  same_shape(name, got, want);
  if (want.numel() == 0) return 0;
  return (got.detach().to(at::kCPU, at::kDouble) - want.to(at::kCPU, at::kDouble)).abs().max().item<double>();
}

}  // namespace

void Report::values(const std::string& name, const at::Tensor& got, const at::Tensor& want,
                    double tolerance) {
  const auto b = want.to(at::kCPU, at::kDouble);
  const double scale = b.numel() > 0 ? b.abs().max().item<double>() : 0;
  add(name, "values", difference(name, got, want), scale, tolerance * std::max(1.0, scale));
}
void Report::gradient(const std::string& name, const at::Tensor& got, const at::Tensor& want,
                      double tolerance) {
  const double scale = std::max(1e-12, want.to(at::kCPU, at::kDouble).abs().max().item<double>());
  add(name, "gradient", difference(name, got, want) / scale, scale, tolerance);
}
void Report::masks(const std::string& name, const at::Tensor& got, const at::Tensor& want) {
  same_shape(name, got, want);
  add(name, "masks", got.ne(0).ne(want.ne(0)).to(at::kDouble).mean().item<double>(), 1, kMasks);
}
void Report::grey_levels(const std::string& name, const at::Tensor& got, const at::Tensor& want) {
  const auto off = (got.to(at::kInt) - want.to(at::kInt)).abs();
  add(name, "grey levels", off.max().item<double>(), 255, 1);
  add(name + " (share not exact)", "grey levels", off.ne(0).to(at::kDouble).mean().item<double>(), 1, 0.01);
}

void Report::add(const std::string& name, const std::string& kind, double diff, double scale,
                 double tolerance) {
  // NaN passes no comparison, as it should.
  rows.push_back({name, kind, diff, scale, tolerance, diff <= tolerance});
}

}  // namespace gmiseg::parity
