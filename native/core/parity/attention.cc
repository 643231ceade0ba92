#include "parity/attention.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <cmath>
#include <string>

#include "parity/report.h"
#include "sam/image_encoder.h"

namespace gmiseg::parity {

namespace {

constexpr double kExact = 1e-5;

struct Case {
  const char* name;
  int64_t height, width, window, heads, d;
};
constexpr Case kCases[] = {
    {"windows that fit", 8, 8, 4, 2, 16},
    {"windows with padding", 10, 13, 4, 2, 16},
    {"odd windows, narrow heads", 12, 11, 5, 3, 6},
    {"a window larger than the grid", 6, 7, 9, 2, 16},
    {"global", 16, 16, 0, 2, 32},
    {"global, more keys than one block, not square", 19, 24, 0, 1, 24},
    {"global, more than a thousand tokens", 33, 34, 0, 1, 16},
};

// Softmax attention with decomposed relative positions, one window after the other.
at::Tensor plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                 const at::Tensor& table_h, const at::Tensor& table_w, int64_t heads, int64_t window) {
  const auto windows = window > 0 ? sam::window_partition(x, window, {}) : x;
  const int64_t n = windows.size(0), h = windows.size(1), w = windows.size(2), dim = windows.size(3),
                d = dim / heads;
  const auto qkv = at::linear(windows, weight, bias).view({n, h * w, 3, heads, d}).permute({2, 0, 3, 1, 4});
  const auto q = qkv[0], k = qkv[1], v = qkv[2];
  const auto rows = [&](const at::Tensor& table, int64_t side) {
    const auto steps = at::arange(side);
    return table.index_select(0, (steps.unsqueeze(1) - steps.unsqueeze(0) + (side - 1)).reshape(-1))
        .view({side, side, d});
  };
  const auto grid = q.reshape({n, heads, h, w, d});
  const auto bias_h = at::einsum("nghwd,hkd->nghwk", {grid, rows(table_h, h)}),
             bias_w = at::einsum("nghwd,wkd->nghwk", {grid, rows(table_w, w)});
  const auto scores =
      (at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(d))).view({n, heads, h, w, h, w}) +
      bias_h.unsqueeze(5) + bias_w.unsqueeze(4);
  const auto out = at::matmul(at::softmax(scores.view({n, heads, h * w, h * w}), -1), v)
                       .permute({0, 2, 1, 3})
                       .reshape({n, h, w, dim});
  return window > 0 ? sam::window_unpartition(out, window, x.size(1), x.size(2)) : out;
}

// One case, forward and back. The kernel is of float32; in float64 the same module takes the plain way of
// GPUs and of trainings in bfloat16.
void hold(const Case& each, at::ScalarType type, c10::Device device, at::Generator& generator,
          Report& report) {
  const int64_t dim = each.heads * each.d;
  const int64_t side_h = each.window > 0 ? each.window : each.height,
                side_w = each.window > 0 ? each.window : each.width;
  sam::Attention attention(dim, each.heads, side_h, each.window);
  torch::NoGradGuard no_grad;
  // The tables of a module are square; a grid may not be.
  attention->rel_pos_w.set_data(at::empty({2 * side_w - 1, each.d}));
  for (auto& p : attention->parameters()) p.normal_(0, 0.3, generator);
  const auto eye = at::eye(dim);
  attention->proj->weight.copy_(eye);
  attention->proj->bias.zero_();
  attention->to(device, type);
  const auto x = at::empty({2, each.height, each.width, dim}).normal_(0, 1, generator);
  const auto gradient = at::empty_like(x).normal_(0, 1, generator);

  at::AutoGradMode grad(true);
  std::vector<std::pair<std::string, at::Tensor>> ours{{"x", x.to(device, type).requires_grad_()},
                                                       {"qkv.weight", attention->qkv->weight},
                                                       {"qkv.bias", attention->qkv->bias},
                                                       {"rel_pos_h", attention->rel_pos_h},
                                                       {"rel_pos_w", attention->rel_pos_w}};
  std::vector<at::Tensor> theirs;
  for (const auto& [name, tensor] : ours)
    theirs.push_back(tensor.detach().to(at::kCPU, at::kDouble).clone().requires_grad_());
  const auto got = attention->forward(ours[0].second, at::zeros_like(ours[0].second), 0, nullptr);
  const auto want = plain(theirs[0], theirs[1], theirs[2], theirs[3], theirs[4], each.heads, each.window);
  const std::string name = std::string(each.name) + (type == at::kDouble ? ", float64" : "");
  report.values(name + ": output", got, want, kExact);
  got.backward(gradient.to(device, type));
  want.backward(gradient.to(at::kDouble));
  for (size_t i = 0; i < ours.size(); ++i)
    report.gradient(name + ": " + ours[i].first, ours[i].second.grad(), theirs[i].grad(), kExact);
  at::AutoGradMode off(false);
  report.values(name + ": output, nothing learned",
                attention->forward(ours[0].second, at::zeros_like(ours[0].second), 0, nullptr), want, kExact);
  report.values(name + ": output, as on a GPU",
                attention->attend_on_gpu(attention->qkv->forward(ours[0].second)), want, kExact);
}

}  // namespace

std::vector<Row> attention_rows(c10::Device device) {
  Report report;
  auto generator = at::detail::createCPUGenerator(1);
  for (const auto& each : kCases) {
    for (const auto type : {at::kFloat, at::kDouble}) hold(each, type, device, generator, report);
  }
  return report.rows;
}

}  // namespace gmiseg::parity
