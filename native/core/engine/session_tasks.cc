// Tasks by example, on the session's model.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <cstring>

#include "engine/session_impl.h"
#include "runtime/device.h"
#include "runtime/error.h"

namespace gmiseg::engine {

namespace {

class TaskImpl : public Task {
 public:
  // Keeps the model alive: the engines refer to it.
  TaskImpl(support::Fitted fitted, std::shared_ptr<model::Model> model)
      : model(std::move(model)), version(this->model->version), fitted(std::move(fitted)) {}
  int64_t examples() const override { return fitted.examples; }
  std::string describe_json() const override { return fitted.describe().dump(); }
  size_t memory_bytes() const override {
    size_t bytes = 0;
    for (const auto& member : fitted.members) {
      for (const auto& [name, tensor] : member->tensors()) bytes += tensor.nbytes();
    }
    return bytes;
  }

  const std::shared_ptr<model::Model> model;
  const int64_t version;  // of the model's weights
  const support::Fitted fitted;
};

const TaskImpl& own_task(const Task& task, const model::Model& model) {
  const auto* own = dynamic_cast<const TaskImpl*>(&task);
  if (own == nullptr || own->model.get() != &model) {
    throw Error(ErrorCode::kInvalidArg, "This task belongs to another model. Define it with this one.");
  }
  if (own->version != model.version) {
    throw Error(ErrorCode::kInvalidArg,
                "This task is older than the model's weights. Define it again from its examples.");
  }
  return *own;
}

}  // namespace

std::vector<support::Example> SessionImpl::examples_of(const std::vector<TaskExample>& examples) const {
  std::vector<support::Example> out;
  for (const auto& example : examples) {
    const auto& seen = own(*example.embedding).seen;
    const int64_t height = seen->frame.height, width = seen->frame.width;
    if (static_cast<int64_t>(example.mask.size()) != height * width) {
      throw Error(ErrorCode::kShape, "The mask of example " + std::to_string(out.size()) + " has " +
                                         std::to_string(example.mask.size()) + " pixels, its image " +
                                         std::to_string(height * width) + ". Both must have one size.");
    }
    const auto mask =
        at::from_blob(const_cast<uint8_t*>(example.mask.data()), {height, width}, at::kByte).ne(0);
    out.push_back({seen, mask, example.group});
  }
  return out;
}

std::shared_ptr<Task> SessionImpl::define_task(const std::vector<TaskExample>& examples,
                                               const std::string& options_json, const Progress& progress) {
  runtime::use_threads(threads_);
  c10::InferenceMode inference;
  const auto mixed = own_precision();
  const auto options = support::FitOptions::from_json(io::Json::parse(options_json, "task options"));
  return std::make_shared<TaskImpl>(support::fit_members(*model_, examples_of(examples), options, progress),
                                    model_);
}

void SessionImpl::predict_task(const Task& task, const Embedding& embedding, const PromptBatch* prompts,
                               const TaskOutput& out, const Progress& progress) {
  progress.check();
  const auto& own_one = own_task(task, *model_);
  const auto& image = *own(embedding).seen;
  runtime::use_threads(threads_);
  c10::InferenceMode inference;
  const auto mixed = own_precision();
  sam::Prompts corrections;
  if (prompts != nullptr) {
    if (prompts->rows != 1) {
      throw Error(ErrorCode::kShape, "A task's answer is corrected by one row of prompts, not " +
                                         std::to_string(prompts->rows) + ".");
    }
    corrections = prompts_of_rows(*prompts, image.frame, 0, 1);
  }
  const auto [probability, spread] = own_one.fitted.probability(*model_, image, corrections, progress);
  const auto write = [](const at::Tensor& values, float* to) {
    if (to == nullptr) return;
    const auto host = values.to(at::kFloat).contiguous();
    std::memcpy(to, host.const_data_ptr<float>(), host.nbytes());
  };
  write(probability, out.probability);
  write(spread, out.spread);
}

std::string SessionImpl::leave_one_out(const std::vector<TaskExample>& examples,
                                       const std::string& candidates_json, const Progress& progress) {
  runtime::use_threads(threads_);
  c10::InferenceMode inference;
  const auto mixed = own_precision();
  std::vector<support::FitOptions> candidates;
  const auto json = io::Json::parse(candidates_json, "task candidates");
  for (const auto& candidate : json.as_array()) {
    candidates.push_back(support::FitOptions::from_json(candidate));
  }
  return support::leave_one_out(*model_, examples_of(examples), candidates, progress).dump();
}

void SessionImpl::save_task(const Task& task, const std::string& extra_json, const std::string& path,
                            const Progress& progress) {
  progress.check();
  support::save_task(own_task(task, *model_).fitted, *model_, io::Json::parse(extra_json, "task"), path);
}

std::pair<std::shared_ptr<Task>, std::string> SessionImpl::load_task(const std::string& path,
                                                                     const Progress& progress) {
  progress.check();
  auto [fitted, extra] = support::load_task(*model_, path);
  return {std::make_shared<TaskImpl>(std::move(fitted), model_), extra.dump()};
}

}  // namespace gmiseg::engine
