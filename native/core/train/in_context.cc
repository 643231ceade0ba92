// UniverSeg and Neuralizer: a query's mask from pictures and masks of its task.
#include "baselines/in_context.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "baselines/input.h"
#include "train/baseline.h"
#include "train/episodes.h"
#include "train/losses.h"

namespace gmiseg::train {

namespace {

class InContextObjective : public BaselineObjective {
 public:
  InContextObjective(model::Model& model, const TrainOptions& options, const Progress& stop)
      : BaselineObjective(model, options, stop),
        network_(static_cast<baselines::InContext&>(*model.baseline)) {}
  const std::vector<std::string>& value_names() const override {
    static const std::vector<std::string> names = {"diceLoss", "crossEntropy", "dice"};
    return names;
  }
  Batch make_batch(int64_t number) const override;
  Losses forward(const Batch& batch) override;

 private:
  baselines::InContext& network_;
};

Batch InContextObjective::make_batch(int64_t number) const {
  auto [rng, supports, size, tasks, first] = episodes_.batch(number);
  std::vector<at::Tensor> support_images, query_images, masks, targets;
  for (int64_t t = 0; t < tasks; ++t) {
    const auto elements = episodes_.draw(first + static_cast<uint64_t>(t), supports, options_.queries, size);
    for (size_t i = 0; i < elements.size(); ++i) {
      const bool support = static_cast<int64_t>(i) < supports;
      const auto image = baselines::picture_input(elements[i].image, size);
      (support ? support_images : query_images).push_back(jitter(image, options_.noise, rng));
      (support ? masks : targets).push_back(baselines::mask_input(elements[i].mask, size));
    }
  }
  support_images.insert(support_images.end(), query_images.begin(), query_images.end());
  Batch batch;
  batch.tasks = tasks;
  batch.images = at::cat(support_images);
  batch.support_masks = at::cat(masks);
  batch.target = at::cat(targets);
  return batch;
}

Losses InContextObjective::forward(const Batch& batch) {
  const int64_t split = batch.support_masks.size(0);
  // Each query with the support set of its task.
  const auto of_query = [&](const at::Tensor& x) {
    return x.unflatten(0, {batch.tasks, -1}).repeat_interleave(options_.queries, 0);
  };
  const auto logits = network_.logits(batch.images.slice(0, split), of_query(batch.images.slice(0, 0, split)),
                                      of_query(batch.support_masks));
  return mask_loss({logits}, batch.target, options_.baseline.cross_entropy);
}

}  // namespace

std::unique_ptr<Objective> in_context_objective(model::Model& model, const TrainOptions& options,
                                                const Progress& stop) {
  return std::make_unique<InContextObjective>(model, options, stop);
}

}  // namespace gmiseg::train
