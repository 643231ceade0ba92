// What the objectives of the baselines share.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "train/episodes.h"
#include "train/objective.h"

namespace gmiseg::train {

// Dice with squares in the denominator, smooth 1, and `cross_entropy` times the cross-entropy; of answers at
// several sizes, the finest first, each counts half of the one before. values: diceLoss, crossEntropy and the
// finest answer's Dice. Logits [B, 1, s, s], target [B, 1, S, S].
Losses mask_loss(const std::vector<at::Tensor>& logits, const at::Tensor& target, double cross_entropy);

// Draws its batches from episodes, and is judged by the same.
class BaselineObjective : public Objective {
 public:
  BaselineObjective(model::Model& model, const TrainOptions& options, const Progress& stop);
  Validation validate() override;
  io::Json tasks() const override { return episodes_.describe(); }

 protected:
  model::Model& model_;
  const TrainOptions& options_;
  const Episodes episodes_;

 private:
  const Progress& stop_;
};

// The one task of the stores. Throws Error(kInvalidArg) where there are several.
void require_one_target(const Episodes& episodes, const std::string& who);

}  // namespace gmiseg::train
