// What a run learns: it makes batches, turns them into a loss, and judges the model.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/safetensors.h"
#include "model/model.h"
#include "train/batch.h"
#include "train/options.h"
#include "train/validate.h"

namespace gmiseg::train {

struct Losses {
  at::Tensor total;   // scalar, with a graph
  at::Tensor values;  // [value_names().size()], detached
};

class Objective {
 public:
  virtual ~Objective() = default;
  // Names of what `forward` measures, as step reports carry them.
  virtual const std::vector<std::string>& value_names() const = 0;
  // Batch number `number` of the run, which depends on the seed and the number alone. On the feed's thread.
  virtual Batch make_batch(int64_t number) const = 0;
  // How much a batch asks of the memory, beside other batches of the run; cheap.
  virtual int64_t weight_of(int64_t number) const {
    (void)number;
    return 0;
  }
  // The most that is kept on the CPU between steps, and for the run's summary what was.
  virtual int64_t kept_bytes() const { return 0; }
  virtual io::Json kept() const { return {}; }
  // Forward passes so far were for measuring.
  virtual void planned() {}
  // Batches are on the model's device; autocast is set as the options say.
  virtual Losses forward(const Batch& batch) = 0;
  // Nothing to judge by: samples = 0.
  virtual Validation validate() = 0;
  // For the run's config.json.
  virtual io::Json tasks() const = 0;
  // Of which blocks of the encoder activations are computed again instead of kept.
  void recompute(std::vector<bool> blocks) { recompute_ = std::move(blocks); }
  // What a resumed run needs beside weights and optimiser, as views for saving and loading.
  virtual io::NamedTensors state() const { return {}; }

 protected:
  std::vector<bool> recompute_;
};

// model, options and stop must outlive the objective. iou_weight: of the squared error of the predicted IoU.
std::unique_ptr<Objective> prompted_objective(model::Model& model, const TrainOptions& options,
                                              double iou_weight, const Progress& stop);
std::unique_ptr<Objective> episodic_objective(model::Model& model, const TrainOptions& options,
                                              double iou_weight, const Progress& stop);
// Of baselines: UniverSeg and Neuralizer, CycleGAN, the U-Net.
std::unique_ptr<Objective> in_context_objective(model::Model& model, const TrainOptions& options,
                                                const Progress& stop);
std::unique_ptr<Objective> adversarial_objective(model::Model& model, const TrainOptions& options,
                                                 const Progress& stop);
std::unique_ptr<Objective> supervised_objective(model::Model& model, const TrainOptions& options,
                                                const Progress& stop);

}  // namespace gmiseg::train
