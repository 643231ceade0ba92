#include "train/trainer.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>
#include <unordered_map>

#include "runtime/autocast.h"
#include "runtime/buffer_reuse.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "train/adamw.h"
#include "train/average.h"
#include "train/feed.h"
#include "train/learner.h"
#include "train/memory_plan.h"
#include "train/objective.h"
#include "train/run_folder.h"

namespace gmiseg::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMaxBadSteps = 10;
constexpr int64_t kMostFeedThreads = 32;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Options that may change on resume: where the data lies, what is written when, and what it may take.
constexpr const char* kFreeOptions[] = {"maxMinutes",     "keepCheckpoints", "checkpointEvery", "exportEvery",
                                        "reportEvery",    "feedThreads",     "memory",          "data",
                                        "activationCache"};

double learning_rate(const TrainOptions& o, int64_t step) {
  if (step < o.warmup) return o.learning_rate * static_cast<double>(step + 1) / static_cast<double>(o.warmup);
  const double t =
      static_cast<double>(step - o.warmup) / static_cast<double>(std::max<int64_t>(1, o.steps - o.warmup));
  double factor = 1;
  if (o.schedule == "linear") factor = 1 - t;
  if (o.schedule == "cosine") factor = 0.5 * (1 + std::cos(M_PI * t));
  if (o.schedule == "poly") factor = std::pow(1 - t, 0.9);
  if (o.schedule == "constant-linear") {
    // As CycleGAN's, which counts one more step than there are: the last one is not at 0 yet.
    const double half = static_cast<double>(o.steps) / 2;
    factor = 1 - std::max(0.0, static_cast<double>(step) + 1 - half) / (half + 1);
  }
  return o.learning_rate * (o.final_factor + (1 - o.final_factor) * factor);
}

// What one step measured, on the device until somebody looks.
struct StepRecord {
  int64_t step;
  double learning_rate, milliseconds;
  at::Tensor values;  // loss, what the objective measures, gradient norm, skipped
};

int64_t bytes_of(const torch::nn::Module& module) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : sam::named_weights(module))
    bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

class Trainer {
 public:
  Trainer(model::Model& model, TrainOptions options, const ReportSink& sink, const Progress& progress);
  std::string run();

 private:
  void resume();
  void save_checkpoint();
  void train_step(Feed& feed);
  void flush();
  void validate();
  void export_weights(const std::string& name);
  void report(const io::Json& json);
  int64_t feed_threads() const;
  void plan();

  model::Model& model_;
  const TrainOptions options_;
  const ReportSink& sink_;
  Progress stop_;  // polls, but reports nothing
  // Before the run folder: what is wrong shows while nothing has been made or changed.
  const std::unique_ptr<Learner> learner_;
  const std::unique_ptr<Objective> objective_;
  RunFolder folder_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<WeightAverage> average_;  // where asked for
  int64_t step_ = 0, bad_steps_ = 0, report_every_ = 1;
  double best_ = -1, last_dice_ = -1, recent_loss_ = 0;
  int64_t best_step_ = 0;
  std::optional<MemoryPlan> memory_;
  std::vector<StepRecord> unread_;
  Clock::time_point unread_since_;
};

Trainer::Trainer(model::Model& model, TrainOptions options, const ReportSink& sink, const Progress& progress)
    : model_(model),
      options_(std::move(options)),
      sink_(sink),
      stop_{progress.stop, {}},
      learner_(learner_of(model_, options_)),
      objective_(learner_->objective(stop_)),
      folder_(options_.out, options_.resume) {
  // From here on weights may change; what is refused before changes nothing.
  ++model_.version;
  optimizer_ = std::make_unique<AdamW>(
      learner_->parameters(),
      AdamWOptions{options_.beta1, options_.beta2, options_.epsilon, options_.weight_decay, false});
  if (options_.average > 0)
    average_ = std::make_unique<WeightAverage>(optimizer_->parameters(), options_.average);
  report_every_ = options_.report_every > 0 ? options_.report_every : (model_.device.is_cuda() ? 20 : 1);
}

// The CPU's cores belong to the training itself; beside a GPU they have nothing else to do.
int64_t Trainer::feed_threads() const {
  if (options_.feed_threads > 0) return options_.feed_threads;
  const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  return model_.device.is_cuda() ? std::clamp<int64_t>(cores - 2, 1, kMostFeedThreads) : 1;
}

// What is kept for the backward pass. Planned on the heaviest of the run's first batches, wherever it goes
// on.
void Trainer::plan() {
  if (options_.checkpointing) {
    objective_->recompute(std::vector<bool>(static_cast<size_t>(model_.sam->config.depth), true));
  }
  if (options_.memory == 0) return;
  constexpr int64_t kLookedAt = 1024;
  std::vector<int64_t> weight_of;
  for (int64_t i = 0; i < std::min(kLookedAt, options_.steps * options_.accumulate); ++i)
    weight_of.push_back(objective_->weight_of(i));
  auto batch =
      objective_->make_batch(std::max_element(weight_of.begin(), weight_of.end()) - weight_of.begin());
  int64_t inputs = 0;
  batch.each([&](at::Tensor& tensor) {
    tensor = tensor.to(model_.device);
    inputs += static_cast<int64_t>(tensor.nbytes());
  });
  int64_t weights = 0;
  for (const auto& [name, p] : optimizer_->parameters()) weights += static_cast<int64_t>(p.nbytes());
  // The gradients of a step's first batches lie there while the others pass.
  int64_t held = options_.accumulate > 1 ? weights : 0;
  if (model_.device.is_cpu()) {
    // Weights, their mean and the moments are resident by now.
    held += (Feed::kAhead + feed_threads()) * inputs + objective_->kept_bytes();
  } else {
    held += (average_ ? 3 : 2) * weights + inputs + bytes_of(*model_.sam);
    if (model_.adapter) held += bytes_of(*model_.adapter);
    if (model_.task_encoder) held += bytes_of(*model_.task_encoder);
  }
  {
    runtime::Autocast autocast(model_.device.type(), options_.autocast());
    memory_ = plan_memory(model_, *objective_, batch, options_.memory, held);
  }
  objective_->planned();
  optimizer_->zero_grad();
}

void Trainer::report(const io::Json& json) {
  const std::string line = json.dump();
  folder_.append_metrics(line);
  sink_(line);
}

void Trainer::resume() {
  const auto found = options_.resume ? folder_.newest() : std::nullopt;
  if (found) {
    const auto& then = found->state.at("options");
    const auto now = options_.to_json();
    for (const auto& [key, value] : now.as_object()) {
      if (std::find(std::begin(kFreeOptions), std::end(kFreeOptions), key) != std::end(kFreeOptions))
        continue;
      const auto* old = then.find(key);
      if (old == nullptr || old->dump() != value.dump()) {
        throw Error(ErrorCode::kCheckpointMismatch,
                    "The run in " + options_.out + " was started with " + key + " = " +
                        (old == nullptr ? std::string("nothing") : old->dump()) + ", not " + value.dump() +
                        ". Resume it with its own options (config.json) or start another run.");
      }
    }
    if (found->state.get("base", "") != model_.base_id() ||
        found->state.at("config").dump() != model_.config_json().dump()) {
      throw Error(ErrorCode::kCheckpointMismatch,
                  "The run in " + options_.out +
                      " was started from another model. "
                      "Load the same checkpoint (or config and seed) to resume it.");
    }
    std::unordered_map<std::string, at::Tensor> targets;
    for (const auto& [name, p] : optimizer_->parameters()) targets.emplace("weights." + name, p);
    for (const auto& [name, tensor] : optimizer_->state()) targets.emplace(name, tensor);
    if (average_) targets.insert(average_->state().begin(), average_->state().end());
    for (const auto& [name, tensor] : objective_->state()) targets.emplace("objective." + name, tensor);
    torch::NoGradGuard no_grad;
    for (const auto& [name, tensor] : found->tensors) {
      const auto target = targets.find(name);
      if (target == targets.end() || target->second.sizes() != tensor.sizes()) {
        throw Error(ErrorCode::kCheckpointMismatch,
                    "The newest checkpoint in " + options_.out + " does not fit this model: " + name + ".");
      }
      target->second.copy_(tensor);
      targets.erase(target);
    }
    if (!targets.empty()) {
      throw Error(ErrorCode::kCheckpointMismatch,
                  "The newest checkpoint in " + options_.out + " lacks " + targets.begin()->first + ".");
    }
    step_ = found->step;
    best_ = found->state.get("bestValDice", -1.0);
    best_step_ = found->state.get("bestStep", int64_t{0});
    bad_steps_ = found->state.get("badSteps", int64_t{0});
  }
  folder_.open_metrics(step_);
}

void Trainer::save_checkpoint() {
  flush();
  RunCheckpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.state.set("options", options_.to_json());
  checkpoint.state.set("config", model_.config_json());
  checkpoint.state.set("base", model_.base_id());
  checkpoint.state.set("bestValDice", best_);
  checkpoint.state.set("bestStep", best_step_);
  checkpoint.state.set("badSteps", bad_steps_);
  torch::NoGradGuard no_grad;
  for (const auto& [name, p] : optimizer_->parameters())
    checkpoint.tensors.emplace_back("weights." + name, p.detach());
  for (const auto& item : optimizer_->state()) checkpoint.tensors.push_back(item);
  if (average_)
    checkpoint.tensors.insert(checkpoint.tensors.end(), average_->state().begin(), average_->state().end());
  for (const auto& [name, tensor] : objective_->state())
    checkpoint.tensors.emplace_back("objective." + name, tensor);
  folder_.write_checkpoint(checkpoint, options_.keep_checkpoints);
}

void Trainer::train_step(Feed& feed) {
  const auto start = Clock::now();
  if (unread_.empty()) unread_since_ = start;
  optimizer_->zero_grad();
  const auto device = model_.device;
  at::Tensor losses, details;
  for (int64_t micro = 0; micro < options_.accumulate; ++micro) {
    Batch batch = feed.next();
    batch.each([&](at::Tensor& tensor) { tensor = tensor.to(device, /*non_blocking=*/true); });
    Losses out;
    {
      runtime::Autocast autocast(device.type(), options_.autocast());
      out = objective_->forward(batch);
    }
    const auto loss = out.total / options_.accumulate;
    const auto& values = out.values;
    torch::autograd::backward({loss}, {});
    losses = losses.defined() ? losses + loss.detach() : loss.detach();
    details = details.defined() ? details + values / options_.accumulate : values / options_.accumulate;
  }
  const auto [norm, bad] = optimizer_->clip(options_.clip);
  const double rate = learning_rate(options_, step_);
  optimizer_->step(rate, bad);
  ++step_;
  if (average_) average_->update(step_);
  unread_.push_back({step_, rate, 1000 * seconds_since(start),
                     at::cat({losses.view(1), details, norm.view(1), bad.view(1)})});
  if (static_cast<int64_t>(unread_.size()) >= report_every_) flush();
}

void Trainer::flush() {
  if (unread_.empty()) return;
  std::vector<at::Tensor> rows;
  for (const auto& record : unread_) rows.push_back(record.values);
  const auto table = at::stack(rows).to(at::kCPU, at::kDouble).contiguous();  // the one wait for the device
  const auto* value = table.const_data_ptr<double>();
  // A GPU is still at work when its step has been launched: what is known is how long all of them took.
  const double each = 1000 * seconds_since(unread_since_) / static_cast<double>(unread_.size());
  for (const auto& record : unread_) {
    const auto& names = objective_->value_names();
    const bool skipped = value[names.size() + 2] > 0;
    io::Json json;
    json.set("type", "step");
    json.set("step", record.step);
    json.set("loss", value[0]);
    for (size_t i = 0; i < names.size(); ++i) json.set(names[i], value[1 + i]);
    json.set("gradNorm", value[names.size() + 1]);
    json.set("lr", record.learning_rate);
    if (skipped) json.set("skipped", true);
    json.set("ms", std::round((model_.device.is_cpu() ? record.milliseconds : each) * 10) / 10);
    bad_steps_ = skipped ? bad_steps_ + 1 : 0;
    if (!skipped) recent_loss_ = recent_loss_ == 0 ? value[0] : 0.95 * recent_loss_ + 0.05 * value[0];
    report(json);
    value += names.size() + 3;
  }
  unread_.clear();
  if (bad_steps_ >= kMaxBadSteps) {
    throw Error(
        ErrorCode::kNonFiniteLoss,
        "The gradients of " + std::to_string(bad_steps_) +
            " steps in a row were not finite. Lower the learning rate or the noise; the last checkpoint in " +
            options_.out + " is sound.");
  }
}

void Trainer::export_weights(const std::string& name) {
  const Averaged averaged(average_.get());
  io::Json about;
  about.set("step", step_);
  about.set("valDice", last_dice_ < 0 ? io::Json() : io::Json(last_dice_));
  about.set("options", options_.to_json());
  learner_->save(folder_.file(name + ".safetensors"), about);
}

void Trainer::validate() {
  if (options_.validate_samples == 0) return;
  flush();
  const auto result = [&] {
    const Averaged averaged(average_.get());
    return objective_->validate();
  }();
  if (result.samples == 0) return;
  last_dice_ = result.dice;
  io::Json json;
  json.set("type", "validation");
  json.set("step", step_);
  json.set("dice", result.dice);
  json.set("samples", result.samples);
  json.set("tasks", result.tasks);
  report(json);
  if (result.dice > best_) {
    best_ = result.dice;
    best_step_ = step_;
    export_weights("best");
  }
}

std::string Trainer::run() {
  const auto start = Clock::now();
  const runtime::RoundedProducts rounded(model_.device, options_.dtype == "tf32");
  // Step after step asks for the same: what one gives back the next one gets. Where memory is counted it goes
  // back.
  std::optional<runtime::BufferReuse> reuse;
  if (model_.device.is_cpu() && options_.memory == 0) reuse.emplace(runtime::BufferReuse::kAll);
  resume();
  const int64_t first = step_;
  io::Json config;
  config.set("gmiseg", GMISEG_VERSION);
  config.set("options", options_.to_json());
  config.set("model", model_.config_json());
  config.set("base", model_.base_id());
  int64_t trainable = 0;
  for (const auto& [name, p] : optimizer_->parameters()) trainable += p.numel();
  config.set("trainableParameters", trainable);
  config.set("device", model_.device.str());
  config.set("threads", static_cast<int64_t>(at::get_num_threads()));
  config.set("tasks", objective_->tasks());
  folder_.write_config(config);

  if (step_ < options_.steps) plan();
  bool stopped = false;
  double waited = 0;
  int64_t saved = options_.resume ? step_ : -1;
  if (step_ < options_.steps) {
    Feed feed([this](int64_t number) { return objective_->make_batch(number); },
              {step_ * options_.accumulate, options_.steps * options_.accumulate, feed_threads(),
               model_.device.is_cuda()});
    try {
      while (step_ < options_.steps) {
        if (stop_.stopped() ||
            (options_.max_minutes > 0 && seconds_since(start) >= 60 * options_.max_minutes)) {
          stopped = true;
          break;
        }
        train_step(feed);
        const bool last = step_ == options_.steps;
        if (last || (options_.validate_every > 0 && step_ % options_.validate_every == 0)) validate();
        if (options_.export_every > 0 && step_ % options_.export_every == 0) {
          flush();
          export_weights("step-" + std::to_string(step_));
        }
        if (last || step_ % options_.checkpoint_every == 0) {
          save_checkpoint();
          saved = step_;
        }
      }
    } catch (const Error& error) {
      // Stopped in mid-step: its gradients are dropped, the last whole step stands.
      if (error.code() != ErrorCode::kAborted) throw;
      stopped = true;
    }
    waited = feed.waited();
  }
  flush();
  if (saved != step_) save_checkpoint();
  const std::string name = learner_->file_name();
  export_weights(name);
  if (average_) average_->swap();  // the model goes on as it was written

  io::Json summary;
  summary.set("steps", step_);
  summary.set("firstStep", first);
  summary.set("stopped", stopped);
  summary.set("loss", recent_loss_);
  summary.set("valDice", last_dice_ < 0 ? io::Json() : io::Json(last_dice_));
  summary.set("bestValDice", best_ < 0 ? io::Json() : io::Json(best_));
  summary.set("bestStep", best_step_);
  summary.set("trainableParameters", trainable);
  summary.set("seconds", seconds_since(start));
  summary.set("feedWaitSeconds", waited);
  summary.set("activationCache", objective_->kept());
  summary.set("memory", memory_ ? memory_->to_json(options_.memory) : io::Json());
  summary.set("out", options_.out);
  summary.set("file", folder_.file(name + ".safetensors"));
  return summary.dump();
}

// Leaves the model ready for inference whatever happened.
class TrainedModel {
 public:
  explicit TrainedModel(model::Model& model) : model_(model) {
    if (model_.sam) model_.sam->image_encoder->unpack();
  }
  ~TrainedModel() {
    try {
      model::freeze(model_);
      if (model_.baseline) return;
      model::hold(model_);
    } catch (const std::exception&) {
      // No memory, or no GPU any more: whoever asks the model next hears of it.
    }
  }

 private:
  model::Model& model_;
};

}  // namespace

std::string train(model::Model& model, const io::Json& options_json, const ReportSink& sink,
                  const Progress& progress) {
  const TrainedModel guard(model);
  at::AutoGradMode grad(true);
  return Trainer(model, TrainOptions::from_json(options_json, default_options(model)), sink, progress).run();
}

}  // namespace gmiseg::train
