#include "train/baseline.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "baselines/input.h"
#include "runtime/error.h"
#include "train/losses.h"

namespace gmiseg::train {

Losses mask_loss(const std::vector<at::Tensor>& logits, const at::Tensor& target, double cross_entropy) {
  at::Tensor dice, entropy;
  double weight = 1, sum = 0;
  for (const auto& answer : logits) {
    const auto shrunken = at::adaptive_avg_pool2d(target, {answer.size(2), answer.size(3)});
    const auto wanted = answer.size(2) == target.size(2) ? target : shrunken.ge(0.5).to(at::kFloat);
    const auto own_dice = weight * soft_dice_loss(answer, wanted).mean();
    const auto own_entropy = weight * at::binary_cross_entropy_with_logits(answer.to(at::kFloat), wanted);
    dice = dice.defined() ? dice + own_dice : own_dice;
    entropy = entropy.defined() ? entropy + own_entropy : own_entropy;
    sum += weight;
    weight /= 2;
  }
  dice = dice / sum;
  entropy = entropy / sum;
  Losses out;
  out.total = cross_entropy > 0 ? dice + cross_entropy * entropy : dice;
  out.values = at::stack({dice, entropy, mask_dice(logits.front(), target).mean()}).detach();
  return out;
}

namespace {

// Dice of a baseline's answers at the pictures' own resolution.
Episodes::Scores judge(model::Model& model, const std::vector<Element>& supports,
                       const std::vector<Element>& queries, const Progress& stop) {
  const int64_t size = model.image_size();
  baselines::Support support;
  if (model.baseline->in_context()) {
    std::vector<at::Tensor> images, masks;
    for (const auto& element : supports) {
      images.push_back(baselines::picture_input(element.image, size));
      masks.push_back(baselines::mask_input(element.mask, size));
    }
    support = {at::cat(images).to(model.device), at::cat(masks).to(model.device)};
  }
  std::vector<at::Tensor> dice;
  for (const auto& [image, mask] : queries) {
    stop.check();
    const auto answer =
        model.baseline->predict(baselines::picture_input(image, size).to(model.device), support, stop);
    const auto probability = baselines::on_picture(answer, mask.size(0), mask.size(1)).cpu();
    dice.push_back(mask_dice(probability - 0.5, mask.unsqueeze(0).unsqueeze(0).to(at::kFloat)));
  }
  return {{"", at::cat(dice)}};
}

}  // namespace

BaselineObjective::BaselineObjective(model::Model& model, const TrainOptions& options, const Progress& stop)
    : model_(model), options_(options), episodes_(options, model.image_size()), stop_(stop) {}

Validation BaselineObjective::validate() {
  return episodes_.validate(
      [this](const auto& supports, const auto& queries) { return judge(model_, supports, queries, stop_); },
      stop_);
}

void require_one_target(const Episodes& episodes, const std::string& who) {
  const auto targets = episodes.targets();
  if (targets.size() == 1) return;
  std::string list;
  for (const auto& target : targets) list += (list.empty() ? "" : ", ") + target;
  throw Error(ErrorCode::kInvalidArg, who + " learns one task, and the stores hold " +
                                          std::to_string(targets.size()) + " (" + list +
                                          "). Choose one with the training options 'datasets' and 'labels'.");
}

}  // namespace gmiseg::train
