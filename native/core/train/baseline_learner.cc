// A baseline: all of its network, on the episodes that a task encoder trains on, or on one task.
#include "runtime/error.h"
#include "train/learner.h"

namespace gmiseg::train {

namespace {

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::kInvalidArg, why); }

// The training options that mean something to a SAM alone.
void check_options(const TrainOptions& o, const baselines::Config& config) {
  if (o.has_adapter || !o.train.empty()) {
    refuse("A baseline trains as a whole; the training options 'adapter' and 'train' are for a SAM.");
  }
  if (o.checkpointing || o.memory > 0) {
    refuse("Baselines do not recompute activations; leave 'activationCheckpointing' and 'memory' out.");
  }
  const bool generalist = config.method == "cyclegan" && config.variant == "C3";
  if (config.method == "universeg" || config.method == "neuralizer") {
    if (!o.episodes) refuse(config.method + " learns to read examples: train it in episodes (--episodes).");
  } else if (o.episodes && !generalist) {
    refuse((config.method == "cyclegan" ? "CycleGAN's variant " + config.variant : std::string("A U-Net")) +
           " learns one task, not to read examples: leave 'episodes' out and name a store's task.");
  }
  if (!o.image_sizes.empty())
    refuse("A baseline trains at its own size. Leave the training option 'imageSizes' out.");
  if (o.episodes && (config.image_size % 8 != 0 || config.image_size < 32)) {
    refuse("Synthetic tasks are painted at multiples of 8 pixels from 32 on; the model's input has " +
           std::to_string(config.image_size) + ".");
  }
}

class BaselineLearner : public Learner {
 public:
  BaselineLearner(model::Model& model, const TrainOptions& options) : model_(model), options_(options) {
    check_options(options, model.baseline->config);
  }
  std::unique_ptr<Objective> objective(const Progress& stop) override {
    const auto& method = model_.baseline->config.method;
    return (method == "unet"       ? supervised_objective
            : method == "cyclegan" ? adversarial_objective
                                   : in_context_objective)(model_, options_, stop);
  }
  io::NamedTensors parameters() override {
    io::NamedTensors chosen;
    choose(*model_.baseline, "", true, chosen);
    return chosen;
  }
  std::string file_name() const override { return "model"; }
  void save(const std::string& path, const io::Json& about) override {
    model::save_model(model_, path, "full", &about);
  }

 private:
  model::Model& model_;
  const TrainOptions& options_;
};

}  // namespace

TrainOptions default_options(const model::Model& model) {
  TrainOptions o;
  if (!model.baseline) return o;
  const auto& method = model.baseline->config.method;
  o.has_baseline = true;
  o.weight_decay = 0;
  o.schedule = "constant";
  if (method == "unet") {
    o.learning_rate = 1e-3;
    o.weight_decay = 3e-5;
    o.schedule = "poly";
    o.final_factor = 0;
    o.batch_size = 8;
    o.zoom = 0.2;
    o.rotate = 20;
    o.gamma = 0.3;
    o.baseline.cross_entropy = 1;
  } else if (method == "cyclegan") {
    o.learning_rate = 2e-4;
    o.beta1 = 0.5;
    o.schedule = "constant-linear";
    o.final_factor = 0;
    o.warmup = 0;
    o.clip = 0;
    o.batch_size = 1;
    o.noise = 0;
  }
  return o;
}

std::unique_ptr<Learner> baseline_learner(model::Model& model, const TrainOptions& options) {
  return std::make_unique<BaselineLearner>(model, options);
}

}  // namespace gmiseg::train
