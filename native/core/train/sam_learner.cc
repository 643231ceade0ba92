// A SAM: its parts, its adapter, its task encoder.
#include <algorithm>
#include <set>

#include "runtime/error.h"
#include "train/learner.h"

namespace gmiseg::train {

namespace {

bool has(const std::vector<std::string>& list, const char* name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// What trains. Throws Error(kInvalidArg) where the model cannot train so.
std::vector<std::string> parts_of(const TrainOptions& o, const model::Model& model) {
  const bool adapter = o.has_adapter || model.adapter;
  if (has(o.train, "adapter") && !adapter) {
    throw Error(ErrorCode::kInvalidArg,
                "The training option 'train' names 'adapter', but the model has none. "
                "Give the option 'adapter', for example { \"kind\": \"pooled\" }.");
  }
  if (o.has_baseline) {
    throw Error(ErrorCode::kInvalidArg,
                "The training option 'baseline' is for baselines, and this model is a SAM. Leave it out, or "
                "load a baseline (--method).");
  }
  if (model.dtype == at::kBFloat16 && o.dtype == "float32") {
    throw Error(ErrorCode::kInvalidArg,
                "A model held in bfloat16 trains with dtype 'bfloat16' only. Load it as float32.");
  }
  if (o.has_adapter) adapter::check_first_block(o.adapter, model.sam->config.depth);
  if (!o.train.empty()) return o.train;
  if (!adapter) return {"all"};
  if (o.episodes) return {"adapter", "decoder", "task-encoder"};
  return {"adapter", "decoder"};
}

double iou_weight_of(const TrainOptions& o, const std::vector<std::string>& parts) {
  if (o.iou_weight >= 0) return o.iou_weight;
  return has(parts, "all") ? 0.1 : 0;
}

class SamLearner : public Learner {
 public:
  SamLearner(model::Model& model, const TrainOptions& options)
      : model_(model), options_(options), parts_(parts_of(options, model)) {}

  std::unique_ptr<Objective> objective(const Progress& stop) override {
    return (options_.episodes ? episodic_objective : prompted_objective)(
        model_, options_, iou_weight_of(options_, parts_), stop);
  }
  io::NamedTensors parameters() override;
  std::string file_name() const override { return whole() ? "model" : "adapter"; }
  void save(const std::string& path, const io::Json& about) override {
    model::save_model(model_, path, whole() ? "full" : "adapter", &about);
  }

 private:
  bool whole() const { return has(model_.trained_prefixes, "image_encoder.") || !model_.adapter; }

  model::Model& model_;
  const TrainOptions& options_;
  const std::vector<std::string> parts_;
};

io::NamedTensors SamLearner::parameters() {
  if (options_.has_adapter) model::add_adapter(model_, options_.adapter, options_.seed);
  if (options_.episodes && !model_.task_encoder) {
    model::add_task_encoder(model_, options_.task_encoder, options_.seed);
  }
  if (options_.episodes && !options_.image_sizes.empty()) {
    const std::set<int64_t> sizes(options_.image_sizes.begin(), options_.image_sizes.end());
    model_.task_encoder->config.sizes.assign(sizes.begin(), sizes.end());
  }
  io::NamedTensors chosen;
  const auto take = [&](torch::nn::Module& module, const std::string& prefix, bool wanted) {
    choose(module, prefix, wanted, chosen);
    if (wanted && prefix != "adapter." && !has(model_.trained_prefixes, prefix.c_str())) {
      model_.trained_prefixes.push_back(prefix);
    }
  };
  const bool all = has(parts_, "all");
  take(*model_.sam->image_encoder, "image_encoder.", all || has(parts_, "encoder"));
  take(*model_.sam->prompt_encoder, "prompt_encoder.", all || has(parts_, "prompt-encoder"));
  take(*model_.sam->mask_decoder, "mask_decoder.", all || has(parts_, "decoder"));
  if (model_.adapter) take(*model_.adapter, "adapter.", has(parts_, "adapter"));
  if (model_.task_encoder) {
    take(*model_.task_encoder, "task_encoder.", options_.episodes && (all || has(parts_, "task-encoder")));
  }
  return chosen;
}

}  // namespace

std::unique_ptr<Learner> sam_learner(model::Model& model, const TrainOptions& options) {
  return std::make_unique<SamLearner>(model, options);
}

}  // namespace gmiseg::train
