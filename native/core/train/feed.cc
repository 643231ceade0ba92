#include "train/feed.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace gmiseg::train {

namespace {

// Names of independent random streams of a run.
enum Stream : uint64_t { kSampleStream = 1, kBatchStream = 2 };

at::Tensor scale_of(const sam::Frame& frame) {
  return at::tensor({static_cast<float>(frame.scale_x()), static_cast<float>(frame.scale_y())});
}

}  // namespace

at::Tensor points_in_mask(const at::Tensor& mask, int64_t count, const sam::Frame& frame, runtime::Rng& rng) {
  const auto inside = mask.nonzero();  // [n, 2] as (y, x)
  std::vector<int64_t> picks;
  for (int64_t i = 0; i < count; ++i) picks.push_back(rng.below(inside.size(0)));
  return inside.index_select(0, at::tensor(picks)).flip({1}).to(at::kFloat) * scale_of(frame);
}

at::Tensor box_of_mask(const at::Tensor& mask, double offset, const sam::Frame& frame,
                       const sam::SamConfig& config, runtime::Rng& rng) {
  const auto rows = mask.any(1).nonzero(), columns = mask.any(0).nonzero();
  const double scale = static_cast<double>(config.image_size) / 1024;
  const auto move = [&] { return rng.uniform(0, offset) * scale; };
  const double x0 = columns.min().item<double>() * frame.scale_x() - move();
  const double y0 = rows.min().item<double>() * frame.scale_y() - move();
  const double x1 = columns.max().item<double>() * frame.scale_x() + move();
  const double y1 = rows.max().item<double>() * frame.scale_y() + move();
  const auto right = static_cast<double>(frame.input_width - 1),
             bottom = static_cast<double>(frame.input_height - 1);
  return at::tensor({static_cast<float>(std::max(0.0, x0)), static_cast<float>(std::max(0.0, y0)),
                     static_cast<float>(std::min(right, x1)), static_cast<float>(std::min(bottom, y1))});
}

at::Tensor low_res_target(const at::Tensor& mask, const sam::Frame& frame, const sam::SamConfig& config,
                          TargetMode mode) {
  const double ratio = static_cast<double>(config.low_res()) / static_cast<double>(config.image_size);
  const auto side = [&](int64_t n) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(n) * ratio));
  };
  const int64_t height = side(frame.input_height), width = side(frame.input_width);
  const auto x = mask.to(at::kFloat).unsqueeze(0).unsqueeze(0);
  at::Tensor small;
  if (mode == TargetMode::kNearest) {
    small = at::_upsample_nearest_exact2d(x, {height, width});
  } else if (height <= mask.size(0) && width <= mask.size(1)) {
    small = at::adaptive_avg_pool2d(x, {height, width});
  } else {
    small = at::upsample_bilinear2d(x, {height, width}, false);
  }
  if (mode == TargetMode::kArea) small = small.ge(0.5).to(at::kFloat);
  return at::constant_pad_nd(small, {0, config.low_res() - width, 0, config.low_res() - height}).squeeze(0);
}

Batch make_batch(const SampleIndex& index, const TrainOptions& options, const sam::SamConfig& config,
                 int64_t number) {
  runtime::Rng batch_rng(options.seed, kBatchStream, static_cast<uint64_t>(number));
  const double kind = batch_rng.uniform(0, options.box_share + options.points_share + options.both_share);
  const bool with_box = kind < options.box_share || kind >= options.box_share + options.points_share;
  const bool with_points = kind >= options.box_share;
  const int64_t points = 1 + batch_rng.below(options.max_points);
  const bool refine = batch_rng.chance(options.refine_share);
  const uint64_t noise_seed = batch_rng.seed();

  std::vector<at::Tensor> images, targets, all_points, boxes;
  for (int64_t i = 0; i < options.batch_size; ++i) {
    runtime::Rng rng(options.seed, kSampleStream, static_cast<uint64_t>(number * options.batch_size + i));
    const auto& task = index.train()[rng.below(static_cast<int64_t>(index.train().size()))];
    const auto& ref = task.samples[rng.below(static_cast<int64_t>(task.samples.size()))];
    const auto sample = augment({index.image(ref), index.labels(ref)}, ref.label, options, rng);
    const auto frame = sam::frame_of(sample.labels.size(0), sample.labels.size(1), config);
    auto image = sam::preprocess(sample.image.permute({1, 2, 0}), config);
    if (options.noise > 0) {
      auto generator = at::detail::createCPUGenerator(rng.seed());
      const double deviation = rng.uniform(0, options.noise);
      // A grey picture's three channels are one: so is their noise.
      const auto noise =
          at::randn({1, sample.image.size(0), frame.input_height, frame.input_width}, generator, at::kFloat);
      image.slice(2, 0, frame.input_height).slice(3, 0, frame.input_width).add_(noise, deviation);
    }
    images.push_back(image);
    const auto others = index.labels_in(ref);
    for (int64_t p = 0; p < options.prompts_per_image; ++p) {
      // The drawn task first; then any label that the augmentation has left in the picture.
      auto mask =
          sample.labels.eq(p == 0 ? ref.label : others[rng.below(static_cast<int64_t>(others.size()))]);
      if (p > 0 && mask.sum().item<int64_t>() < options.min_pixels) mask = sample.labels.eq(ref.label);
      targets.push_back(low_res_target(mask, frame, config, options.target));
      if (with_points) all_points.push_back(points_in_mask(mask, points, frame, rng));
      if (with_box) boxes.push_back(box_of_mask(mask, options.box_offset, frame, config, rng));
    }
  }
  Batch batch;
  batch.images = at::cat(images);
  batch.target = at::stack(targets);
  if (with_points) batch.points = at::stack(all_points);
  if (with_box) batch.boxes = at::stack(boxes);
  if (refine) {
    auto generator = at::detail::createCPUGenerator(noise_seed);
    batch.error_noise = 1 - at::rand(batch.target.sizes(), generator, at::kFloat);
  }
  return batch;
}

Feed::Feed(const SampleIndex& index, const TrainOptions& options, const sam::SamConfig& config, int64_t first,
           int64_t end, bool pin)
    : index_(index), options_(options), config_(config), number_(first), end_(end), pin_(pin) {
  thread_ = std::thread([this] { run(); });
}

Feed::~Feed() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Feed::run() {
  torch::NoGradGuard no_grad;
  try {
    for (int64_t number = number_; number < end_; ++number) {
      auto batch = make_batch(index_, options_, config_, number);
      if (pin_) {
        for (auto* tensor : {&batch.images, &batch.target, &batch.points, &batch.boxes, &batch.error_noise}) {
          if (tensor->defined()) *tensor = tensor->pin_memory();
        }
      }
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || ready_.size() < kAhead; });
      if (stop_) return;
      ready_.push_back(std::move(batch));
      changed_.notify_all();
    }
  } catch (...) {
    std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

Batch Feed::next() {
  const auto before = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || error_ != nullptr; });
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  if (ready_.empty()) std::rethrow_exception(error_);
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return batch;
}

}  // namespace gmiseg::train
