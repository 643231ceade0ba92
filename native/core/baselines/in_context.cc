#include "baselines/in_context.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>

#include "runtime/buffer_reuse.h"

namespace gmiseg::baselines {

namespace {

// Values of one full-size map over the contexts that are worked on together, 16 MiB: they stay in the caches.
constexpr int64_t kTogether = int64_t{1} << 22;
// Values that the contexts which wait for the next level may hold, 512 MiB; at most two full-size maps each.
constexpr int64_t kKept = int64_t{1} << 27, kMapsKept = 2;

}  // namespace

void InContext::enter(Side side, int64_t level, Walk& walk) {
  if (level < stages()) return;
  walk.x = joined(side, level, at::cat({enlarged(walk.x), walk.skips.back()}, 1));
  walk.skips.pop_back();
}

void InContext::leave(int64_t level, Walk& walk, const at::Tensor& output) {
  walk.x = output;
  if (level + 1 >= stages()) return;
  walk.skips.push_back(output);
  walk.x = at::max_pool2d(output, {2, 2});
}

at::Tensor InContext::forward(const at::Tensor& target, const at::Tensor& contexts) {
  Walk t{begin(Side::kTarget, target), {}}, c{begin(Side::kContext, contexts.flatten(0, 1)), {}};
  for (int64_t level = 0; level < levels(); ++level) {
    enter(Side::kTarget, level, t);
    enter(Side::kContext, level, c);
    const auto heard = told(level, t.x), notes = noted(level, c.x);
    const auto mean = notes.unflatten(0, {target.size(0), -1}).mean(1);
    // Nothing looks at the last level's contexts.
    if (level + 1 < levels()) leave(level, c, next_context(level, notes, heard));
    leave(level, t, next_target(level, heard, mean));
  }
  return end(t.x);
}

at::Tensor InContext::forward_in_parts(const at::Tensor& target, const at::Tensor& contexts, int64_t together,
                                       int64_t kept, const Progress& progress) {
  const int64_t count = contexts.size(0);
  Walk t{begin(Side::kTarget, target), {}};
  std::vector<at::Tensor> heard;
  const int64_t parts = (count + together - 1) / together;
  std::vector<Walk> waiting(static_cast<size_t>(std::min(parts, kept / together)));
  for (int64_t level = 0; level < levels(); ++level) {
    enter(Side::kTarget, level, t);
    heard.push_back(told(level, t.x));
    at::Tensor sum;
    for (int64_t first = 0; first < count; first += together) {
      progress.check();
      const auto part = static_cast<size_t>(first / together);
      const bool waits = part < waiting.size();
      Walk fresh, &c = waits ? waiting[part] : fresh;
      const int64_t from = waits ? level : 0;
      if (from == 0) c.x = begin(Side::kContext, contexts.slice(0, first, std::min(count, first + together)));
      for (int64_t below = from; below < level; ++below) {
        enter(Side::kContext, below, c);
        leave(below, c, next_context(below, noted(below, c.x), heard[static_cast<size_t>(below)]));
      }
      enter(Side::kContext, level, c);
      const auto notes = noted(level, c.x), part_sum = notes.sum(0, true);
      sum = sum.defined() ? sum + part_sum : part_sum;
      if (waits && level + 1 < levels()) leave(level, c, next_context(level, notes, heard.back()));
    }
    leave(level, t, next_target(level, heard.back(), sum / static_cast<double>(count)));
  }
  return end(t.x);
}

at::Tensor InContext::logits(const at::Tensor& images, const at::Tensor& supports, const at::Tensor& masks) {
  return logits_of(forward(target_of(images), context_of(supports, masks)));
}

at::Tensor InContext::predict(const at::Tensor& image, const Support& support, const Progress& progress) {
  torch::NoGradGuard no_grad;
  const runtime::BufferReuse reuse;
  const int64_t map =
      *std::max_element(widths_.begin(), widths_.end()) * config.image_size * config.image_size;
  return probability_of(forward_in_parts(target_of(image), context_of(support.images, support.masks),
                                         std::max<int64_t>(1, kTogether / map), kKept / (kMapsKept * map),
                                         progress));
}

}  // namespace gmiseg::baselines
