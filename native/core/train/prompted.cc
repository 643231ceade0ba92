// Training on prompts made from the masks themselves.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>

#include "train/activation_cache.h"
#include "train/losses.h"
#include "train/objective.h"
#include "train/prompts.h"
#include "train/samples.h"

namespace gmiseg::train {

namespace {

// Names of independent random streams of a run.
enum Stream : uint64_t { kSampleStream = 1, kBatchStream = 2 };

class Prompted : public Objective {
 public:
  Prompted(model::Model& model, const TrainOptions& options, double iou_weight, const Progress& stop)
      : model_(model),
        options_(options),
        iou_weight_(iou_weight),
        stop_(stop),
        index_(options),
        // Of pictures that are never the same twice nothing is worth keeping.
        cache_(options.noise + options.zoom + options.rotate + options.gamma > 0 ? 0
                                                                                 : options.activation_cache) {
  }
  const std::vector<std::string>& value_names() const override {
    static const std::vector<std::string> names = {"focal", "diceLoss", "iouLoss", "dice"};
    return names;
  }
  Batch make_batch(int64_t number) const override;
  int64_t weight_of(int64_t number) const override;
  Losses forward(const Batch& batch) override;
  int64_t kept_bytes() const override;
  void planned() override { cache_.count_anew(); }
  io::Json kept() const override;
  Validation validate() override { return train::validate(model_, index_, options_, stop_); }
  io::Json tasks() const override { return index_.describe(); }

 private:
  PromptKind kind_of(int64_t number) const;
  // Whether what the encoder's first blocks make of a picture is worth keeping.
  bool keeps() const {
    const at::AutoGradMode as_in_training(true);  // batches are made where nothing learns
    return cache_.size() > 0 && model_.sam->image_encoder->first_learning(model_.adapter.get()) > 0;
  }
  sam::ImageFeatures encode(const Batch& batch);
  void add_loss(const sam::DecodedMasks& masks, const Batch& batch, Losses& out) const;

  model::Model& model_;
  const TrainOptions& options_;
  const double iou_weight_;
  const Progress& stop_;
  const SampleIndex index_;
  ActivationCache cache_;
};

PromptKind Prompted::kind_of(int64_t number) const {
  runtime::Rng rng(options_.seed, kBatchStream, static_cast<uint64_t>(number));
  return prompt_kind(options_, rng);
}

// In masks that are decoded: all four for a single point, and one more to refine.
int64_t Prompted::weight_of(int64_t number) const {
  const auto kind = kind_of(number);
  return (kind.points == 1 && !kind.box ? 4 : 1) + (kind.refine ? 1 : 0);
}

Batch Prompted::make_batch(int64_t number) const {
  const auto& options = options_;
  const auto& config = model_.sam->config;
  const auto kind = kind_of(number);

  const bool keep = keeps();
  Batch batch;
  std::vector<at::Tensor> images, targets, all_points, boxes;
  for (int64_t i = 0; i < options.batch_size; ++i) {
    runtime::Rng rng(options.seed, kSampleStream, static_cast<uint64_t>(number * options.batch_size + i));
    const auto& task = index_.train()[rng.below(static_cast<int64_t>(index_.train().size()))];
    const auto& ref = task.samples[rng.below(static_cast<int64_t>(task.samples.size()))];
    const auto sample = augment({index_.image(ref), index_.labels(ref)}, ref.label, options, rng);
    const auto frame = sam::frame_of(sample.labels.size(0), sample.labels.size(1), config);
    auto image = sam::preprocess(sample.image.permute({1, 2, 0}), config);
    if (options.noise > 0) {
      auto generator = at::detail::createCPUGenerator(rng.seed());
      const double deviation = rng.uniform(0, options.noise);
      // A grey picture's three channels are one: so is their noise.
      const auto noise =
          at::randn({1, sample.image.size(0), frame.input_height, frame.input_width}, generator, at::kFloat);
      sam::on_picture(image, frame).add_(noise, deviation);
    }
    if (keep) batch.keys.push_back(ActivationCache::key_of(image));
    images.push_back(image);
    const auto others = index_.labels_in(ref);
    for (int64_t p = 0; p < options.prompts_per_image; ++p) {
      // The drawn task first; then any label that the augmentation has left in the picture.
      auto mask =
          sample.labels.eq(p == 0 ? ref.label : others[rng.below(static_cast<int64_t>(others.size()))]);
      if (p > 0 && mask.sum().item<int64_t>() < options.min_pixels) mask = sample.labels.eq(ref.label);
      targets.push_back(low_res_target(mask, frame, config, options.target));
      if (kind.points > 0) all_points.push_back(points_in_mask(mask, kind.points, frame, rng));
      if (kind.box) boxes.push_back(box_of_mask(mask, options.box_offset, frame, rng));
    }
  }
  batch.images = at::cat(images);
  batch.target = at::stack(targets);
  if (kind.points > 0) batch.points = at::stack(all_points);
  if (kind.box) batch.boxes = at::stack(boxes);
  if (kind.refine) {
    auto generator = at::detail::createCPUGenerator(kind.noise_seed);
    batch.error_noise = 1 - at::rand(batch.target.sizes(), generator, at::kFloat);
  }
  return batch;
}

void Prompted::add_loss(const sam::DecodedMasks& masks, const Batch& batch, Losses& out) const {
  // All four masks come for a single point, which may mean the whole or a part:
  // the best of masks 1..3 learns beside mask 0, as in SAM's own training.
  const auto one = [&](int64_t m) {
    const auto logits = masks.logits.slice(1, m, m + 1);
    const auto parts = segmentation_loss(logits, batch.target);
    auto total = options_.focal_weight * parts.focal + options_.dice_weight * parts.dice;
    const auto iou_error =
        (masks.iou.select(1, m).to(at::kFloat) - mask_iou(logits.detach(), batch.target)).square();
    if (iou_weight_ > 0) total = total + iou_weight_ * iou_error;
    return std::make_tuple(total, parts, iou_error);
  };
  const auto [total, parts, iou_error] = one(0);
  auto sum = total.mean();
  if (masks.logits.size(1) > 1) {
    std::vector<at::Tensor> others;
    for (int64_t m = 1; m < masks.logits.size(1); ++m) others.push_back(std::get<0>(one(m)));
    sum = sum + std::get<0>(at::stack(others).min(0)).mean();
  }
  out.total = out.total.defined() ? out.total + sum : sum;
  out.values = at::stack({parts.focal.mean(), parts.dice.mean(), iou_error.mean(),
                          mask_dice(masks.logits.slice(1, 0, 1), batch.target).mean()})
                   .detach();
}

int64_t Prompted::kept_bytes() const {
  if (!keeps()) return 0;
  const auto& config = model_.sam->config;
  int64_t cells = config.embed_dim, pictures = 0;
  for (size_t i = 0; i < config.stem.size(); ++i) cells += config.stem[i] * (i == 0 ? 16 : 4);
  for (const auto& task : index_.train()) pictures += static_cast<int64_t>(task.samples.size());
  if (options_.flip > 0) pictures *= 4;  // along either axis, or both
  const int64_t bytes = 4 * config.grid() * config.grid() * cells;
  return std::min(cache_.size(), pictures * bytes);
}

io::Json Prompted::kept() const {
  if (!keeps()) return {};
  io::Json json;
  json.set("pictures", cache_.images());
  json.set("bytes", cache_.bytes());
  json.set("used", cache_.found());
  return json;
}

sam::ImageFeatures Prompted::encode(const Batch& batch) {
  sam::EncodeOptions options;
  options.bypass = model_.adapter.get();
  options.recompute = recompute_;
  auto& encoder = *model_.sam->image_encoder;
  const int64_t learning = encoder.first_learning(options.bypass);
  if (learning == 0 || batch.keys.empty())
    return encoder.forward(batch.images.to(model_.dtype), options, stop_);
  // Each image by itself: what it becomes must not depend on which others are kept already.
  std::vector<sam::Halfway> all;
  for (size_t i = 0; i < batch.keys.size(); ++i) {
    auto found = cache_.find(batch.keys[i], model_.device);
    if (!found) {
      const auto image = batch.images.narrow(0, static_cast<int64_t>(i), 1).to(model_.dtype);
      found = encoder.begin(image, learning, options, stop_);
      cache_.keep(batch.keys[i], *found);
    }
    all.push_back(std::move(*found));
  }
  const auto joined = [&](auto&& of) {
    std::vector<at::Tensor> parts;
    for (const auto& each : all) parts.push_back(of(each));
    return at::cat(parts);
  };
  sam::Halfway together{learning, joined([](const auto& each) { return each.x; }), {}};
  for (size_t map = 0; map < all.front().high_res.size(); ++map)
    together.high_res.push_back(joined([&](const auto& each) { return each.high_res[map]; }));
  return encoder.finish(std::move(together), options, stop_);
}

Losses Prompted::forward(const Batch& batch) {
  Losses out;
  auto& sam = *model_.sam;
  const auto features = encode(batch);
  const auto positions = sam.prompt_encoder->dense_pe();
  sam::Prompts prompts;
  prompts.points = batch.points;
  prompts.boxes = batch.boxes;
  if (batch.points.defined())
    prompts.labels = at::ones({batch.points.size(0), batch.points.size(1)}, batch.points.options());
  const bool one_point = batch.points.defined() && !batch.boxes.defined() && batch.points.size(1) == 1;
  const int64_t rows = batch.target.size(0);
  auto masks = sam.mask_decoder->forward(features, positions, sam.prompt_encoder->forward(prompts, rows),
                                         one_point ? sam::MaskChoice::kAll : sam::MaskChoice::kSingle);
  add_loss(masks, batch, out);
  if (batch.error_noise.defined()) {
    // Second pass: a point where the first one was wrong, and its logits as mask prompt.
    const auto logits = masks.logits.slice(1, 0, 1).detach().to(at::kFloat);
    const auto [point, label] = error_point(logits, batch.target, batch.error_noise, sam.config);
    prompts.points = prompts.points.defined() ? at::cat({prompts.points, point}, 1) : point;
    prompts.labels = prompts.labels.defined() ? at::cat({prompts.labels, label}, 1) : label;
    prompts.masks = logits;
    masks = sam.mask_decoder->forward(features, positions, sam.prompt_encoder->forward(prompts, rows),
                                      sam::MaskChoice::kSingle);
    add_loss(masks, batch, out);
  }
  return out;
}

}  // namespace

std::unique_ptr<Objective> prompted_objective(model::Model& model, const TrainOptions& options,
                                              double iou_weight, const Progress& stop) {
  return std::make_unique<Prompted>(model, options, iou_weight, stop);
}

}  // namespace gmiseg::train
