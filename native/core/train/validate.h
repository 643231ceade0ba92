// Dice on the validation split, with box prompts, at the images' own resolution.
#pragma once

#include "model/model.h"
#include "train/samples.h"

namespace gmiseg::train {

struct Validation {
  double dice = 0;  // mean over samples
  int64_t samples = 0;
  io::Json tasks;  // task name -> mean Dice
};

// The same samples and boxes whenever it is called with the same options.
Validation validate(model::Model& model, const SampleIndex& index, const TrainOptions& options,
                    const Progress& progress);

}  // namespace gmiseg::train
