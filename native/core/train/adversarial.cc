// CycleGAN between pictures and masks.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "baselines/cyclegan.h"
#include "baselines/input.h"
#include "train/baseline.h"
#include "train/episodes.h"
#include "train/losses.h"

namespace gmiseg::train {

namespace {

// Deviation of the noise on fake masks before they are turned back into pictures: a generator would else
// hide the picture in faint traces.
constexpr double kTraces = 0.05;

at::Tensor squared_error(const at::Tensor& scores, double wanted) {
  return (scores - wanted).square().mean();
}

void set_training(torch::nn::Module& module, bool on) {
  for (auto& p : module.parameters()) p.set_requires_grad(on);
}

class Adversarial : public BaselineObjective {
 public:
  Adversarial(model::Model& model, const TrainOptions& options, const Progress& stop)
      : BaselineObjective(model, options, stop),
        network_(static_cast<baselines::CycleGan&>(*model.baseline)),
        fake_masks_(model.image_size(), model.device),
        fake_images_(model.image_size(), model.device) {
    const auto& variant = model.baseline->config.variant;
    if (variant != "C3") require_one_target(episodes_, "CycleGAN's variant " + variant);
  }
  const std::vector<std::string>& value_names() const override {
    static const std::vector<std::string> names = {"adversarial", "cycle",         "identity",
                                                   "paired",      "discriminator", "dice"};
    return names;
  }
  Batch make_batch(int64_t number) const override;
  Losses forward(const Batch& batch) override;
  io::NamedTensors state() const override {
    auto out = fake_masks_.state("fake_masks.");
    for (auto& item : fake_images_.state("fake_images.")) out.push_back(std::move(item));
    return out;
  }

 private:
  baselines::CycleGan& network_;
  baselines::ImagePool fake_masks_, fake_images_;
};

// Pictures with their own masks, and masks of other pictures of the same task, none of them empty where that
// can be helped.
Batch Adversarial::make_batch(int64_t number) const {
  const int64_t size = model_.image_size();
  auto rng = episodes_.batch(number).rng;
  const bool paired = model_.baseline->config.variant == "C2";
  std::vector<at::Tensor> images, own, masks;
  Batch batch;
  for (int64_t i = 0; i < options_.batch_size; ++i) {
    const auto two = episodes_.draw(static_cast<uint64_t>(number * options_.batch_size + i), 1, 1, size);
    images.push_back(jitter(baselines::picture_input(two[0].image, size), options_.noise, rng));
    own.push_back(baselines::mask_input(two[0].mask, size));
    const auto other = baselines::mask_input(two[1].mask, size);
    masks.push_back(paired || !other.any().item<bool>() ? own.back() : other);
    for (int64_t pool = 0; pool < 2; ++pool) {
      batch.draws.push_back(rng.uniform());
      batch.draws.push_back(rng.uniform());
    }
  }
  batch.images = at::cat(images);
  batch.target = at::cat(own);
  batch.support_masks = at::cat(masks);
  auto generator = at::detail::createCPUGenerator(rng.seed());
  batch.error_noise = at::randn(batch.images.sizes(), generator, at::kFloat);
  return batch;
}

// Generators and discriminators in one step. The authors step the generators first, but what the
// discriminators then learn from are the fakes of before: their gradients, and so both steps, are the same.
Losses Adversarial::forward(const Batch& batch) {
  const auto& o = options_.baseline;
  auto& g = network_;
  const auto image = 2 * batch.images - 1, mask = 2 * batch.support_masks - 1;
  set_training(*g.mask_judge, false);
  set_training(*g.image_judge, false);
  const auto fake_mask = g.to_mask->forward(image), fake_image = g.to_image->forward(mask);
  const auto image_again = g.to_image->forward(fake_mask + kTraces * batch.error_noise);
  const auto mask_again = g.to_mask->forward(fake_image);
  const auto adversarial = squared_error(g.mask_judge->forward(fake_mask), 1) +
                           squared_error(g.image_judge->forward(fake_image), 1);
  const auto cycle =
      o.image_cycle * (image_again - image).abs().mean() + o.mask_cycle * (mask_again - mask).abs().mean();
  auto identity = at::zeros({}, cycle.options()), paired = identity;
  if (o.identity > 0) {
    identity = o.identity * (o.mask_cycle * (g.to_mask->forward(mask) - mask).abs().mean() +
                             o.image_cycle * (g.to_image->forward(image) - image).abs().mean());
  }
  if (g.config.variant == "C2") paired = o.paired * (fake_mask - mask).abs().mean();
  set_training(*g.mask_judge, true);
  set_training(*g.image_judge, true);
  // Two numbers a fake and pool, one pool after the other.
  const auto count = static_cast<size_t>(image.size(0));
  std::vector<double> draws[2];
  for (size_t i = 0; i < 2 * count; ++i) {
    draws[i % 2].push_back(batch.draws[2 * i]);
    draws[i % 2].push_back(batch.draws[2 * i + 1]);
  }
  const auto discriminator =
      0.5 * (squared_error(g.mask_judge->forward(mask), 1) +
             squared_error(g.mask_judge->forward(fake_masks_.exchange(fake_mask, draws[0].data())), 0) +
             squared_error(g.image_judge->forward(image), 1) +
             squared_error(g.image_judge->forward(fake_images_.exchange(fake_image, draws[1].data())), 0));
  Losses out;
  out.total = adversarial + cycle + identity + paired + discriminator;
  out.values = at::stack({adversarial, cycle, identity, paired, discriminator,
                          mask_dice(fake_mask.detach(), batch.target).mean()})
                   .detach();
  return out;
}

}  // namespace

std::unique_ptr<Objective> adversarial_objective(model::Model& model, const TrainOptions& options,
                                                 const Progress& stop) {
  return std::make_unique<Adversarial>(model, options, stop);
}

}  // namespace gmiseg::train
