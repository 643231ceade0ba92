#include "baselines/in_context.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>

namespace gmiseg::baselines {

namespace {

// Values of one full-size map over the contexts that are in memory together: 128 MiB, and a few such maps
// live at a time.
constexpr int64_t kMostValues = int64_t{1} << 25;

}  // namespace

void InContext::move(Side side, int64_t level, Walk& walk, const at::Tensor& output) {
  const int64_t last = stages() - 1;
  if (level < last) {
    walk.skips.push_back(output);
    walk.x = at::max_pool2d(output, {2, 2});
    return;
  }
  walk.x = output;
  if (level + 1 == levels()) return;
  walk.x = joined(side, level + 1, at::cat({enlarged(output), walk.skips.back()}, 1));
  walk.skips.pop_back();
}

at::Tensor InContext::forward(const at::Tensor& target, const at::Tensor& contexts) {
  Walk t{begin(Side::kTarget, target), {}}, c{begin(Side::kContext, contexts.flatten(0, 1)), {}};
  for (int64_t level = 0; level < levels(); ++level) {
    const auto heard = told(level, t.x), notes = noted(level, c.x);
    const auto mean = notes.unflatten(0, {target.size(0), -1}).mean(1);
    // Nothing looks at the last level's contexts.
    if (level + 1 < levels()) move(Side::kContext, level, c, next_context(level, notes, heard));
    move(Side::kTarget, level, t, next_target(level, heard, mean));
  }
  return end(t.x);
}

at::Tensor InContext::forward_in_parts(const at::Tensor& target, const at::Tensor& contexts, int64_t at_once,
                                       const Progress& progress) {
  const int64_t count = contexts.size(0);
  if (count <= at_once) return forward(target, contexts.unsqueeze(0));
  Walk t{begin(Side::kTarget, target), {}};
  std::vector<at::Tensor> heard;
  for (int64_t level = 0; level < levels(); ++level) {
    heard.push_back(told(level, t.x));
    at::Tensor sum;
    for (int64_t first = 0; first < count; first += at_once) {
      progress.check();
      const auto part = contexts.slice(0, first, std::min(count, first + at_once));
      Walk c{begin(Side::kContext, part), {}};
      for (int64_t below = 0; below < level; ++below)
        move(Side::kContext, below, c,
             next_context(below, noted(below, c.x), heard[static_cast<size_t>(below)]));
      const auto notes = noted(level, c.x).sum(0, true);
      sum = sum.defined() ? sum + notes : notes;
    }
    move(Side::kTarget, level, t, next_target(level, heard.back(), sum / static_cast<double>(count)));
  }
  return end(t.x);
}

at::Tensor InContext::logits(const at::Tensor& images, const at::Tensor& supports, const at::Tensor& masks) {
  return logits_of(forward(target_of(images), context_of(supports, masks)));
}

at::Tensor InContext::predict(const at::Tensor& image, const Support& support, const Progress& progress) {
  torch::NoGradGuard no_grad;
  const int64_t widest = *std::max_element(widths_.begin(), widths_.end());
  const int64_t at_once =
      std::max<int64_t>(1, kMostValues / (widest * config.image_size * config.image_size));
  return probability_of(
      forward_in_parts(target_of(image), context_of(support.images, support.masks), at_once, progress));
}

}  // namespace gmiseg::baselines
