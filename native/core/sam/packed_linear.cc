#include "sam/packed_linear.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/device.h"

namespace gmiseg::sam {

namespace {

// LibTorch's own use of these operators is inside its compiler; they are reached by name.
std::optional<c10::OperatorHandle> find(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchema({name, overload});
}

at::Tensor call(const c10::OperatorHandle& op, std::vector<c10::IValue> stack) {
  op.callBoxed(stack);
  return stack.front().toTensor();
}

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                     const std::string& after, const std::string& algorithm) {
  static const auto op = *find("mkldnn::_linear_pointwise");
  const c10::List<std::optional<at::Scalar>> none;
  return call(op, {x, packed, bias.defined() ? c10::IValue(bias) : c10::IValue(), after, none, algorithm});
}

// With AVX2 oneDNN refuses bfloat16, is no faster in float32 than LibTorch's plain products, and its GELU
// costs the products a quarter of their speed.
bool is_ahead() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bw");
#else
  return true;
#endif
}

}  // namespace

bool can_pack(const at::Tensor& weight) {
  static const bool there = at::hasMKLDNN() && find("mkldnn::_linear_pointwise") &&
                            find("mkldnn::_linear_pointwise", "binary") &&
                            find("mkldnn::_reorder_linear_weight") && is_ahead();
  if (!there || !weight.is_cpu()) return false;
  return weight.scalar_type() == at::kFloat ||
         (weight.scalar_type() == at::kBFloat16 && runtime::has_bfloat16(weight.device()));
}

at::Tensor pack_linear(const at::Tensor& weight) {
  static const auto op = *find("mkldnn::_reorder_linear_weight");
  return call(op, {weight.detach().contiguous(), c10::IValue()});
}

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias) {
  return pointwise(x, packed, bias, "none", "");
}

at::Tensor packed_linear_gelu(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias) {
  return pointwise(x, packed, bias, "gelu", "none");
}

at::Tensor packed_linear_add(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other) {
  static const auto op = *find("mkldnn::_linear_pointwise", "binary");
  return call(op, {x, other.contiguous(), packed, bias, std::string("add")});
}

}  // namespace gmiseg::sam
