// What a session over a baseline does in another way than one over a SAM.
#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include "baselines/input.h"
#include "engine/session_impl.h"
#include "runtime/device.h"
#include "runtime/error.h"

namespace gmiseg::engine {

namespace {

[[noreturn]] void no_prompts(const model::Model& model) {
  throw Error(ErrorCode::kInvalidArg,
              "The method '" + model.baseline->config.method +
                  "' knows no clicks, boxes or masks as prompts. Define a task from examples with masks "
                  "(defineTask, gmiseg task define), or load a SAM to click.");
}

}  // namespace

std::string BaselineSession::info_json() const {
  const auto& config = model_->baseline->config;
  int64_t parameters = 0;
  for (const auto& p : model_->baseline->parameters()) parameters += p.numel();
  io::Json json;
  json.set("method", config.method);
  json.set("variant", config.method == "cyclegan" ? config.method + " " + config.variant : config.method);
  json.set("imageSize", config.image_size);
  json.set("gridSize", config.image_size);
  json.set("lowResSize", config.image_size);
  json.set("embeddingChannels", 1);
  json.set("parameters", parameters);
  json.set("trainableParameters", parameters);
  json.set("trainings", model_->version);
  json.set("device", model_->device.str());
  json.set("dtype", "float32");
  json.set("threads", static_cast<int64_t>(threads_));
  json.set("preprocessing", "min-max");
  json.set("checkpoint", checkpoint_json(*model_));
  json.set("adapter", nullptr);
  json.set("taskEncoder", nullptr);
  json.set("config", config.to_json());
  return json.dump();
}

std::shared_ptr<Embedding> BaselineSession::encode(const ImageView& image, const Look& look,
                                                   const Progress& progress) {
  if (look.side != 0 && look.side != model_->image_size()) {
    throw Error(ErrorCode::kInvalidArg, "A baseline sees pictures at its own size. Leave the size out.");
  }
  runtime::use_threads(threads_);
  c10::InferenceMode inference;
  progress.check();
  const Shown shown(image, look);
  const auto pixels = shown.pixels().permute({2, 0, 1});
  const int64_t size = model_->image_size();
  auto seen = std::make_shared<support::Seen>();
  seen->frame = {image.height, image.width, size, size, 0, 0, size};
  seen->features.embedding = baselines::picture_input(pixels, size).to(model_->device);
  // A copy in any case: a grey picture is contiguous as it is, and its memory is the caller's.
  seen->pixels = pixels.clone(at::MemoryFormat::Contiguous);
  return std::make_shared<EmbeddingImpl>(std::move(seen), size, model_.get(), model_->version);
}

void BaselineSession::predict(const Embedding&, const PromptBatch&, const PredictOptions&,
                              const PredictOutput&, const Progress&) {
  no_prompts(*model_);
}

void BaselineSession::predict_task(const Task& task, const Embedding& embedding, const PromptBatch* prompts,
                                   const TaskOutput& out, const Progress& progress) {
  if (prompts != nullptr) no_prompts(*model_);
  SessionImpl::predict_task(task, embedding, nullptr, out, progress);
}

size_t BaselineSession::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& p : model_->baseline->parameters()) bytes += p.nbytes();
  return bytes;
}

}  // namespace gmiseg::engine
