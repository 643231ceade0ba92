#include "sam/linear_product.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include "sam/packed_linear.h"

namespace gmiseg::sam {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Below, what surrounds a product by oneDNN costs more than it gains.
constexpr int64_t kFewRows = 64;

// MKL, LibTorch's own choice for float32, leaves AMD's AVX-512 alone; can_pack() asks for that.
bool is_amd() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

struct Product : torch::autograd::Function<Product> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    return packed_linear(x, weight.detach().contiguous(), bias);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& [x, weight] = std::tie(saved[0], saved[1]);
    const auto dy = gradients[0].contiguous();
    const auto rows = dy.view({-1, dy.size(-1)});
    at::Tensor dx, dw, db;
    if (context->needs_input_grad(0)) {
      const auto turned = weight.t().contiguous();
      dx = prefers_onednn(dy, turned) ? packed_linear(dy, turned, {}) : at::matmul(dy, weight);
    }
    if (context->needs_input_grad(1)) dw = at::mm(rows.t(), x.reshape({-1, x.size(-1)}));
    if (context->needs_input_grad(2)) db = rows.sum(0);
    return {dx, dw, db};
  }
};

}  // namespace

bool prefers_onednn(const at::Tensor& x, const at::Tensor& weight) {
  static const bool ahead = is_amd();
  return ahead && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && x.is_cpu() &&
         x.numel() >= kFewRows * x.size(-1) && !at::autocast::is_autocast_enabled(at::kCPU) &&
         can_pack(weight);
}

at::Tensor linear_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!prefers_onednn(x, weight)) return at::linear(x, weight, bias);
  const auto whole = x.contiguous();
  if (at::GradMode::is_enabled()) return Product::apply(whole, weight, bias);
  return packed_linear(whole, weight.contiguous(), bias);
}

}  // namespace gmiseg::sam
