// What a run trains, as the trainer sees it: a SAM with its parts, or a baseline.
#pragma once

#include <memory>
#include <string>

#include "io/safetensors.h"
#include "model/model.h"
#include "train/objective.h"
#include "train/options.h"

namespace gmiseg::train {

class Learner {
 public:
  virtual ~Learner() = default;
  // What makes its batches and its loss and judges it. Throws Error(kInvalidArg | kDataset).
  virtual std::unique_ptr<Objective> objective(const Progress& stop) = 0;
  // The weights that train, by name: put on the model where it has none yet, float32, asking for gradients.
  virtual io::NamedTensors parameters() = 0;
  // The file of the weights at the end, without its ending.
  virtual std::string file_name() const = 0;
  virtual void save(const std::string& path, const io::Json& about) = 0;
};

// The options that a model's method calls for where nobody says otherwise.
TrainOptions default_options(const model::Model& model);

// model and options must outlive the learner. Throws Error(kInvalidArg) where the model cannot train so.
std::unique_ptr<Learner> learner_of(model::Model& model, const TrainOptions& options);

// Each kind's own.
std::unique_ptr<Learner> sam_learner(model::Model& model, const TrainOptions& options);
std::unique_ptr<Learner> baseline_learner(model::Model& model, const TrainOptions& options);

// Makes every parameter of `module` train if `wanted`, and adds it to `chosen`; else none of them.
void choose(torch::nn::Module& module, const std::string& prefix, bool wanted, io::NamedTensors& chosen);

}  // namespace gmiseg::train
