#include "train/memory_plan.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <string>

#include "runtime/error.h"
#include "runtime/tensor_bytes.h"

namespace gmiseg::train {

namespace {

// Of what was measured: batches differ in their prompts, oneDNN has memory of its own, and allocators round
// up.
constexpr double kMargin = 1.2;

std::string gib(int64_t bytes) {
  const auto tenths = (bytes * 10 + (int64_t{1} << 30) - 1) >> 30;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

}  // namespace

io::Json MemoryPlan::to_json(int64_t budget) const {
  io::Json json;
  json.set("budgetBytes", budget);
  json.set("heldBytes", held);
  json.set("expectedBytes", expected);
  json.set("recomputedBlocks", static_cast<int64_t>(std::count(recompute.begin(), recompute.end(), true)));
  return json;
}

MemoryPlan plan_memory(model::Model& model, Objective& objective, const Batch& batch, int64_t budget,
                       int64_t held) {
  if (model.device.is_cpu()) runtime::give_memory_back();
  const auto& config = model.sam->config;
  const auto blocks = static_cast<size_t>(config.depth);
  MemoryPlan plan;
  // Blocks before the first that learns keep nothing anyway.
  const auto learning = static_cast<size_t>(model.sam->image_encoder->first_learning(model.adapter.get()));
  plan.recompute.assign(blocks, true);
  std::fill_n(plan.recompute.begin(), learning, false);

  // Bytes that a forward pass keeps, the most of the whole step, and what it leaves: gradients.
  struct Measured {
    int64_t kept = 0, peak = 0, left = 0;
  };
  const auto measure = [&](const std::vector<bool>& recompute, bool backward) {
    objective.recompute(recompute);
    const runtime::TensorBytes bytes;
    Measured out;
    {
      const auto losses = objective.forward(batch);
      out.kept = bytes.now();
      if (backward) torch::autograd::backward({losses.total}, {});
    }
    out.peak = bytes.peak();
    out.left = bytes.now();
    return out;
  };
  // What it keeps between steps must not be taken for what a step needs.
  if (objective.kept_bytes() > 0) measure(plan.recompute, false);
  const auto bare = measure(plan.recompute, true);
  std::vector<int64_t> keeps(blocks, 0);
  for (const bool global : {false, true}) {
    size_t example = blocks;
    for (size_t i = learning; i < blocks; ++i)
      if (config.is_global(static_cast<int64_t>(i)) == global) example = i;
    if (example == blocks) continue;
    auto recompute = plan.recompute;
    recompute[example] = false;
    const int64_t own = std::max<int64_t>(0, measure(recompute, false).kept - bare.kept);
    for (size_t i = learning; i < blocks; ++i)
      if (config.is_global(static_cast<int64_t>(i)) == global) keeps[i] = own;
  }
  // Weights that lie in a mapped file are there by now. The gradients are in the peak already.
  const int64_t there = model.device.is_cpu() ? runtime::resident_bytes() - bare.left : 0;
  plan.held = there + held;
  auto step = static_cast<double>(bare.peak);
  const auto fits = [&](double bytes) {
    return static_cast<double>(plan.held) + kMargin * bytes <= static_cast<double>(budget);
  };
  if (!fits(step)) {
    throw Error(ErrorCode::kOutOfMemory,
                "A step needs about " + gib(plan.held + static_cast<int64_t>(kMargin * step)) +
                    " with all activations recomputed, and 'memory' is " + gib(budget) +
                    ". Lower batchSize or the image size, or allow more.");
  }
  for (size_t i = blocks; i-- > learning;) {
    if (!fits(step + static_cast<double>(keeps[i]))) break;
    plan.recompute[i] = false;
    step += static_cast<double>(keeps[i]);
  }
  plan.expected = plan.held + static_cast<int64_t>(step);
  objective.recompute(plan.recompute);
  return plan;
}

}  // namespace gmiseg::train
