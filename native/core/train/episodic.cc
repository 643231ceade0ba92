// Training in episodes: queries are answered from a support set of their task, drawn or real.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "runtime/autocast.h"
#include "support/answer.h"
#include "train/episodes.h"
#include "train/losses.h"
#include "train/objective.h"
#include "train/prompts.h"

namespace gmiseg::train {

namespace {

// The encoder's input and the frame of an element.
struct Input {
  at::Tensor image;  // [1, 3, S, S]
  sam::Frame frame;
  bool whole;  // no padding
};

Input input_of(const Element& element, const sam::SamConfig& config) {
  Input out;
  out.frame = sam::frame_of(element.mask.size(0), element.mask.size(1), config);
  out.image = sam::preprocess(element.image.permute({1, 2, 0}), config);
  out.whole = out.frame.input_height == config.image_size && out.frame.input_width == config.image_size;
  return out;
}

// Noise on the picture; padding stays what it is.
at::Tensor noisy(const Input& input, double most, runtime::Rng& rng) {
  auto image = input.image.clone();
  const auto picture = sam::on_picture(image, input.frame);
  picture.copy_(jitter(picture, most, rng));
  return image;
}

class Episodic : public Objective {
 public:
  Episodic(model::Model& model, const TrainOptions& options, double iou_weight, const Progress& stop);
  const std::vector<std::string>& value_names() const override {
    static const std::vector<std::string> names = {"focal",     "diceLoss",  "iouLoss",   "dice",
                                                   "denseLoss", "denseDice", "promptDice"};
    return names;
  }
  Batch make_batch(int64_t number) const override;
  int64_t weight_of(int64_t number) const override { return episodes_.pixels(number); }
  Losses forward(const Batch& batch) override;
  Validation validate() override;
  io::Json tasks() const override { return episodes_.describe(); }

 private:
  std::pair<at::Tensor, at::Tensor> validation_dice(const std::vector<Element>& supports,
                                                    const std::vector<Element>& queries);
  sam::ImageFeatures encode(const at::Tensor& images);

  model::Model& model_;
  const TrainOptions& options_;
  const double iou_weight_;
  const Progress& stop_;
  const Episodes episodes_;
};

Episodic::Episodic(model::Model& model, const TrainOptions& options, double iou_weight, const Progress& stop)
    : model_(model),
      options_(options),
      iou_weight_(iou_weight),
      stop_(stop),
      episodes_(options, model.sam->config.image_size) {}

Batch Episodic::make_batch(int64_t number) const {
  auto [rng, supports, size, tasks, first] = episodes_.batch(number);
  const auto config = model_.sam->config.resized(size);
  const int64_t queries = options_.queries;
  const auto kind = prompt_kind(options_, rng);

  std::vector<at::Tensor> support_images, query_images, masks, targets, parts, all_points, boxes,
      support_inside, query_inside;
  bool whole = true;
  for (int64_t t = 0; t < tasks; ++t) {
    const auto elements = episodes_.draw(first + static_cast<uint64_t>(t), supports, queries, size);
    for (int64_t i = 0; i < supports + queries; ++i) {
      const auto& element = elements[i];
      const auto input = input_of(element, config);
      whole = whole && input.whole;
      const bool support = i < supports;
      (support ? support_images : query_images).push_back(noisy(input, options_.noise, rng));
      (support ? support_inside : query_inside).push_back(sam::picture_share(input.frame));
      if (support) {
        masks.push_back(low_res_target(element.mask, input.frame, config, TargetMode::kSoft));
        continue;
      }
      targets.push_back(low_res_target(element.mask, input.frame, config, options_.target));
      if (kind.refine) continue;
      // Who clicks means one object, not all of its kind. Nothing to click at: any place will do, its loss is
      // that of an empty mask.
      const bool empty = !element.mask.any().item<bool>();
      const auto mask = empty ? at::ones_like(element.mask) : random_part(element.mask, rng);
      parts.push_back(low_res_target(empty ? element.mask : mask, input.frame, config, options_.target));
      if (kind.points > 0) all_points.push_back(points_in_mask(mask, kind.points, input.frame, rng));
      if (kind.box) boxes.push_back(box_of_mask(mask, options_.box_offset, input.frame, rng));
    }
  }
  const auto joined = [](std::vector<at::Tensor> a, const std::vector<at::Tensor>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return at::cat(a);
  };
  Batch batch;
  batch.tasks = tasks;
  batch.images = joined(std::move(support_images), query_images);
  if (!whole) batch.inside = joined(std::move(support_inside), query_inside);
  batch.support_masks = at::stack(masks);
  batch.target = at::stack(targets);
  if (!kind.refine) {
    batch.part = at::stack(parts);
    if (kind.points > 0) batch.points = at::stack(all_points);
    if (kind.box) batch.boxes = at::stack(boxes);
  } else {
    auto generator = at::detail::createCPUGenerator(kind.noise_seed);
    batch.error_noise = 1 - at::rand(batch.target.sizes(), generator, at::kFloat);
  }
  return batch;
}

sam::ImageFeatures Episodic::encode(const at::Tensor& images) {
  sam::EncodeOptions options;
  options.bypass = model_.adapter.get();
  options.recompute = recompute_;
  return model_.sam->image_encoder->forward(images.to(model_.dtype), options, stop_);
}

// Rows first .. end of a batch of images.
sam::ImageFeatures rows_of(const sam::ImageFeatures& all, int64_t first, int64_t end) {
  sam::ImageFeatures out;
  out.embedding = all.embedding.slice(0, first, end);
  for (const auto& map : all.high_res) out.high_res.push_back(map.slice(0, first, end));
  return out;
}

support::Maps rows_of(const support::Maps& all, int64_t first, int64_t end) {
  support::Maps out;
  for (const auto& map : all.features) out.features.push_back(map.slice(0, first, end));
  for (const auto& map : all.inside) out.inside.push_back(map.slice(0, first, end));
  return out;
}

Losses Episodic::forward(const Batch& batch) {
  auto& sam = *model_.sam;
  auto& task_encoder = *model_.task_encoder;
  const int64_t count = batch.images.size(0), split = batch.support_masks.size(0);
  const auto features = encode(batch.images);
  const auto maps = task_encoder.maps(batch.images, features, batch.inside);
  const int64_t grid = features.embedding.size(2);
  const auto positions = sam.prompt_encoder->dense_pe(grid);
  const auto contributions = task_encoder.contribute(rows_of(maps, 0, split), batch.support_masks, positions);
  const auto state = task_encoder.combine(contributions, batch.tasks);
  const auto query_features = rows_of(features, split, count);
  const auto query_maps = rows_of(maps, split, count);
  const auto answer = support::answer(sam, task_encoder, {query_features, query_maps}, state, positions);

  const auto scored = [&](const sam::DecodedMasks& masks, const at::Tensor& target) {
    const auto parts = segmentation_loss(masks.logits, target);
    const auto iou_error =
        (masks.iou.select(1, 0).to(at::kFloat) - mask_iou(masks.logits.detach(), target)).square();
    const auto total =
        options_.focal_weight * parts.focal + options_.dice_weight * parts.dice + iou_weight_ * iou_error;
    return std::make_tuple(total.mean(), parts, iou_error);
  };
  const auto [refined, parts, iou_error] = scored(answer.refined, batch.target);
  const auto dense = dense_loss(answer.dense.logits, batch.target).mean();
  Losses out;
  out.total = refined + options_.dense_weight * dense;
  at::Tensor prompted_dice = at::zeros({}, dense.options());
  if (options_.prompted_weight > 0) {
    // The same queries pointed at: with the task's answer to correct, or from nothing.
    sam::Prompts prompts;
    sam::DecodedMasks masks;
    const auto& target = batch.part.defined() ? batch.part : batch.target;
    if (batch.error_noise.defined()) {
      std::tie(prompts.points, prompts.labels) =
          error_point(answer.refined.logits.detach(), batch.target, batch.error_noise, sam.config);
      masks = support::refine(sam, query_features, answer.dense, positions, prompts);
    } else {
      prompts.points = batch.points;
      prompts.boxes = batch.boxes;
      if (batch.points.defined())
        prompts.labels = at::ones({batch.points.size(0), batch.points.size(1)}, batch.points.options());
      masks = sam.mask_decoder->forward(query_features, positions,
                                        sam.prompt_encoder->forward(prompts, batch.target.size(0), grid),
                                        sam::MaskChoice::kSingle);
    }
    out.total = out.total + options_.prompted_weight * std::get<0>(scored(masks, target));
    prompted_dice = mask_dice(masks.logits, target).mean();
  }
  out.values = at::stack({parts.focal.mean(), parts.dice.mean(), iou_error.mean(),
                          mask_dice(answer.refined.logits, batch.target).mean(), dense,
                          mask_dice(answer.dense.logits, batch.target).mean(), prompted_dice})
                   .detach();
  return out;
}

// Dice of the refined and of the dense masks of each query, at the pictures' own resolution.
std::pair<at::Tensor, at::Tensor> Episodic::validation_dice(const std::vector<Element>& supports,
                                                            const std::vector<Element>& queries) {
  auto& sam = *model_.sam;
  auto& task_encoder = *model_.task_encoder;
  const auto& config = sam.config;
  const auto see = [&](const std::vector<Element>& elements, std::vector<at::Tensor>* masks) {
    std::vector<at::Tensor> images, inside;
    for (const auto& element : elements) {
      const auto input = input_of(element, config);
      images.push_back(input.image);
      inside.push_back(sam::picture_share(input.frame));
      if (masks != nullptr)
        masks->push_back(low_res_target(element.mask, input.frame, config, TargetMode::kSoft));
    }
    const auto batch = at::cat(images).to(model_.device);
    auto features = encode(batch);
    auto maps = task_encoder.maps(batch, features, at::cat(inside).to(model_.device));
    return std::make_pair(std::move(features), std::move(maps));
  };
  std::vector<at::Tensor> masks;
  const auto [support_features, support_maps] = see(supports, &masks);
  const auto positions = sam.prompt_encoder->dense_pe();
  const auto contributions =
      task_encoder.contribute(support_maps, at::stack(masks).to(model_.device), positions);
  const auto state = task_encoder.combine(contributions, 1);
  const auto [query_features, query_maps] = see(queries, nullptr);
  const auto answer = support::answer(sam, task_encoder, {query_features, query_maps}, state, positions);
  std::vector<at::Tensor> refined, dense;
  for (size_t i = 0; i < queries.size(); ++i) {
    const auto& mask = queries[i].mask;
    const auto frame = sam::frame_of(mask.size(0), mask.size(1), config);
    const auto truth = mask.unsqueeze(0).unsqueeze(0).to(at::kFloat);
    const auto row = static_cast<int64_t>(i);
    const auto judge = [&](const at::Tensor& logits) {
      return mask_dice(sam::postprocess(logits.slice(0, row, row + 1), frame, config).cpu(), truth);
    };
    refined.push_back(judge(answer.refined.logits));
    dense.push_back(judge(answer.dense.logits));
  }
  return {at::cat(refined), at::cat(dense)};
}

Validation Episodic::validate() {
  torch::NoGradGuard no_grad;
  runtime::Autocast autocast(model_.device.type(), options_.autocast());
  return episodes_.validate(
      [this](const std::vector<Element>& supports, const std::vector<Element>& queries) -> Episodes::Scores {
        const auto [refined, dense] = validation_dice(supports, queries);
        return {{"", refined}, {" (dense)", dense}};
      },
      stop_);
}

}  // namespace

std::unique_ptr<Objective> episodic_objective(model::Model& model, const TrainOptions& options,
                                              double iou_weight, const Progress& stop) {
  return std::make_unique<Episodic>(model, options, iou_weight, stop);
}

}  // namespace gmiseg::train
