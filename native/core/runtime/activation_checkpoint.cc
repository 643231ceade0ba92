#include "runtime/activation_checkpoint.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include "runtime/autocast.h"

namespace gmiseg::runtime {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Segment = std::function<at::Tensor(const at::Tensor&)>;

// The segment travels beside the tensors: custom functions pass only IValues.
struct SegmentHolder : torch::CustomClassHolder {
  SegmentHolder(Segment s, AutocastState a) : segment(std::move(s)), autocast(a) {}
  Segment segment;
  AutocastState autocast;
};

struct CheckpointFunction : torch::autograd::Function<CheckpointFunction> {
  // y: what the segment made of x. `anchor` requires a gradient so that the backward pass comes here even if
  // x needs none (the first adapted block over a frozen stem).
  static at::Tensor forward(AutogradContext* context, const at::Tensor& y, const at::Tensor& x,
                            const at::Tensor& anchor, const c10::intrusive_ptr<SegmentHolder>& holder) {
    (void)anchor;
    context->save_for_backward({x});
    context->saved_data["segment"] = c10::IValue::make_capsule(holder);
    context->saved_data["x_needs_grad"] = x.requires_grad();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto holder =
        c10::static_intrusive_pointer_cast<SegmentHolder>(context->saved_data["segment"].toCapsule());
    const bool x_needs_grad = context->saved_data["x_needs_grad"].toBool();
    auto x = context->get_saved_variables()[0].detach();
    x.requires_grad_(x_needs_grad);
    at::Tensor y;
    {
      at::AutoGradMode grad(true);
      Autocast replay(x.device().type(), holder->autocast);
      y = holder->segment(x);
    }
    torch::autograd::backward({y}, {gradients[0]});
    return {at::Tensor(), x_needs_grad ? x.grad() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor checkpoint(const Segment& segment, const at::Tensor& x) {
  at::Tensor y;
  {
    // As the way back will compute it, to the last bit: layers take other paths where nothing is learned.
    auto inside = x.detach();
    inside.requires_grad_(x.requires_grad());
    const auto made = segment(inside);
    if (!made.requires_grad()) return made;  // nothing learns here, so nothing was kept either
    y = made.detach();
  }
  const auto anchor = torch::zeros({1}, x.options().dtype(at::kFloat)).requires_grad_();
  return CheckpointFunction::apply(
      y, x, anchor, c10::make_intrusive<SegmentHolder>(segment, current_autocast(x.device().type())));
}

}  // namespace gmiseg::runtime
