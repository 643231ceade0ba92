// A U-Net on one task of the stores: pictures and their masks, no examples.
#include <ATen/Functions.h>

#include "baselines/input.h"
#include "baselines/unet.h"
#include "train/baseline.h"
#include "train/episodes.h"

namespace gmiseg::train {

namespace {

class Supervised : public BaselineObjective {
 public:
  Supervised(model::Model& model, const TrainOptions& options, const Progress& stop)
      : BaselineObjective(model, options, stop) {
    require_one_target(episodes_, "A U-Net");
  }
  const std::vector<std::string>& value_names() const override {
    static const std::vector<std::string> names = {"diceLoss", "crossEntropy", "dice"};
    return names;
  }
  Batch make_batch(int64_t number) const override {
    auto rng = episodes_.batch(number).rng;
    std::vector<at::Tensor> images, targets;
    for (int64_t i = 0; i < options_.batch_size; ++i) {
      const auto one =
          episodes_.draw(static_cast<uint64_t>(number * options_.batch_size + i), 0, 1, model_.image_size())
              .front();
      const auto image = baselines::picture_input(one.image, model_.image_size());
      images.push_back(jitter(image, options_.noise, rng));
      targets.push_back(baselines::mask_input(one.mask, model_.image_size()));
    }
    Batch batch;
    batch.images = at::cat(images);
    batch.target = at::cat(targets);
    return batch;
  }
  Losses forward(const Batch& batch) override {
    auto& network = static_cast<baselines::UNet&>(*model_.baseline);
    return mask_loss(network.forward(batch.images), batch.target, options_.baseline.cross_entropy);
  }
};

}  // namespace

std::unique_ptr<Objective> supervised_objective(model::Model& model, const TrainOptions& options,
                                                const Progress& stop) {
  return std::make_unique<Supervised>(model, options, stop);
}

}  // namespace gmiseg::train
