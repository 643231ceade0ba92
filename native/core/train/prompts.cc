#include "train/prompts.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace gmiseg::train {

namespace {

// Points (x, y) of the picture in the encoder's input.
at::Tensor in_input(const at::Tensor& points, const sam::Frame& frame) {
  return points * at::tensor({static_cast<float>(frame.scale_x()), static_cast<float>(frame.scale_y())}) +
         at::tensor({static_cast<float>(frame.left), static_cast<float>(frame.top)});
}

}  // namespace

PromptKind prompt_kind(const TrainOptions& options, runtime::Rng& rng) {
  PromptKind out;
  const double kind = rng.uniform(0, options.box_share + options.points_share + options.both_share);
  out.box = kind < options.box_share || kind >= options.box_share + options.points_share;
  const int64_t points = 1 + rng.below(options.max_points);
  out.points = kind >= options.box_share ? points : 0;
  out.refine = rng.chance(options.refine_share);
  out.noise_seed = rng.seed();
  return out;
}

at::Tensor points_in_mask(const at::Tensor& mask, int64_t count, const sam::Frame& frame, runtime::Rng& rng) {
  const auto inside = mask.nonzero();  // [n, 2] as (y, x)
  std::vector<int64_t> picks;
  for (int64_t i = 0; i < count; ++i) picks.push_back(rng.below(inside.size(0)));
  return in_input(inside.index_select(0, at::tensor(picks)).flip({1}).to(at::kFloat), frame);
}

at::Tensor box_of_mask(const at::Tensor& mask, double offset, const sam::Frame& frame, runtime::Rng& rng) {
  const auto rows = mask.any(1).nonzero(), columns = mask.any(0).nonzero();
  const double scale = static_cast<double>(frame.side) / 1024;
  const auto move = [&] { return rng.uniform(0, offset) * scale; };
  const double x0 = columns.min().item<double>() * frame.scale_x() - move();
  const double y0 = rows.min().item<double>() * frame.scale_y() - move();
  const double x1 = columns.max().item<double>() * frame.scale_x() + move();
  const double y1 = rows.max().item<double>() * frame.scale_y() + move();
  const auto right = static_cast<double>(frame.input_width - 1),
             bottom = static_cast<double>(frame.input_height - 1);
  const auto left = static_cast<double>(frame.left), top = static_cast<double>(frame.top);
  return at::tensor(
      {static_cast<float>(left + std::max(0.0, x0)), static_cast<float>(top + std::max(0.0, y0)),
       static_cast<float>(left + std::min(right, x1)), static_cast<float>(top + std::min(bottom, y1))});
}

at::Tensor random_part(const at::Tensor& mask, runtime::Rng& rng) {
  const auto whole = mask.contiguous();
  const int64_t height = whole.size(0), width = whole.size(1);
  const auto* inside = whole.const_data_ptr<bool>();
  std::vector<int64_t> pixels;
  for (int64_t i = 0; i < height * width; ++i) {
    if (inside[i]) pixels.push_back(i);
  }
  auto part = at::zeros_like(whole);
  auto* out = part.mutable_data_ptr<bool>();
  std::vector<int64_t> front = {pixels[static_cast<size_t>(rng.below(static_cast<int64_t>(pixels.size())))]};
  out[front[0]] = true;
  while (!front.empty()) {
    const int64_t y = front.back() / width, x = front.back() % width;
    front.pop_back();
    for (int64_t ny = std::max<int64_t>(0, y - 1); ny <= std::min(height - 1, y + 1); ++ny) {
      for (int64_t nx = std::max<int64_t>(0, x - 1); nx <= std::min(width - 1, x + 1); ++nx) {
        const int64_t next = ny * width + nx;
        if (!inside[next] || out[next]) continue;
        out[next] = true;
        front.push_back(next);
      }
    }
  }
  return part;
}

at::Tensor low_res_target(const at::Tensor& mask, const sam::Frame& frame, const sam::SamConfig& config,
                          TargetMode mode) {
  if (mode == TargetMode::kSoft) return sam::mask_to_cells(mask, frame, config, sam::CellValue::kShare);
  if (mode == TargetMode::kNearest) return sam::mask_to_cells(mask, frame, config, sam::CellValue::kCentre);
  return sam::mask_to_cells(mask, frame, config, sam::CellValue::kShare).ge(0.5).to(at::kFloat);
}

std::pair<at::Tensor, at::Tensor> error_point(const at::Tensor& logits, const at::Tensor& target,
                                              const at::Tensor& noise, const sam::SamConfig& config) {
  const auto truth = target.gt(0.5), wrong = logits.gt(0).logical_xor(truth);
  const auto pick = (wrong.to(at::kFloat) * noise).flatten(1).argmax(1);
  const double cell = static_cast<double>(config.patch_size) / 4;
  const int64_t low = target.size(-1);
  const auto y = pick.div(low, "floor"), x = pick.remainder(low);
  // Centres of the low-resolution cells, in the input's pixels.
  const auto point = (at::stack({x, y}, 1).to(at::kFloat).unsqueeze(1) + 0.5) * cell - 0.5;
  return {point, truth.flatten(1).gather(1, pick.unsqueeze(1)).to(at::kFloat)};
}

}  // namespace gmiseg::train
