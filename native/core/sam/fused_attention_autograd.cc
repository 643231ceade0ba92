#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include "sam/fused_attention.h"

namespace gmiseg::sam {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv, const at::Tensor& padding,
                            const at::Tensor& table_h, const at::Tensor& table_w, int64_t heads,
                            int64_t window) {
    const auto found = fused_attention(qkv, padding, table_h, table_w, heads, window, true);
    context->save_for_backward({qkv, padding, table_h, table_w, found.out});
    context->saved_data["log_sums"] = found.log_sums;
    context->saved_data["heads"] = heads;
    context->saved_data["window"] = window;
    return found.out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Wanted wanted{context->needs_input_grad(1),
                        context->needs_input_grad(2) || context->needs_input_grad(3)};
    auto found = fused_attention_backward(
        saved[0], saved[1], saved[2], saved[3], context->saved_data["heads"].toInt(),
        context->saved_data["window"].toInt(), {saved[4], context->saved_data["log_sums"].toTensor()},
        gradients[0], wanted);
    return {found.qkv, found.padding, found.table_h, found.table_w, {}, {}};
  }
};

}  // namespace

at::Tensor differentiable_attention(const at::Tensor& qkv, const at::Tensor& padding,
                                    const at::Tensor& table_h, const at::Tensor& table_w, int64_t heads,
                                    int64_t window) {
  return AttentionFunction::apply(qkv, padding, table_h, table_w, heads, window);
}

}  // namespace gmiseg::sam
