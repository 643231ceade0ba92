// The task encoder as an engine.
#include "support/learned.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <unordered_map>

#include "runtime/error.h"

namespace gmiseg::support {

namespace {

// Examples whose contributions are computed together.
constexpr size_t kAtOnce = 8;

void need_task_encoder(const model::Model& model) {
  if (model.task_encoder) return;
  throw Error(
      ErrorCode::kInvalidArg,
      "This model has no task encoder. Use the engine 'training-free', or a model that was trained in "
      "episodes, such as the package's own.");
}

}  // namespace

at::Tensor mask_cells(const Example& example, const sam::SamConfig& config) {
  return sam::mask_to_cells(example.mask, example.image->frame, config, sam::CellValue::kShare);
}

Contributions contributions_of(model::Model& model, const std::vector<Example>& examples,
                               const Progress& progress) {
  need_task_encoder(model);
  const auto positions = model.sam->prompt_encoder->dense_pe(grid_of(*examples.front().image));
  std::vector<Contributions> parts(examples.size());
  std::vector<size_t> unread;
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto& said = examples[i].image->said;
    if (said && at::equal(said->mask, examples[i].mask)) {
      parts[i] = said->contributions;
    } else {
      unread.push_back(i);
    }
  }
  for (size_t first = 0; first < unread.size(); first += kAtOnce) {
    progress.report("define", static_cast<double>(first) / static_cast<double>(unread.size()));
    const size_t end = std::min(unread.size(), first + kAtOnce);
    Maps maps;
    std::vector<at::Tensor> masks;
    const auto join = [&](std::vector<at::Tensor> Maps::*member, std::vector<at::Tensor>& out) {
      for (size_t s = 0; s < (examples[unread[first]].image->maps.*member).size(); ++s) {
        std::vector<at::Tensor> rows;
        for (size_t i = first; i < end; ++i) rows.push_back((examples[unread[i]].image->maps.*member)[s]);
        out.push_back(at::cat(rows));
      }
    };
    join(&Maps::features, maps.features);
    join(&Maps::inside, maps.inside);
    for (size_t i = first; i < end; ++i) masks.push_back(mask_cells(examples[unread[i]], model.sam->config));
    const auto found = model.task_encoder->contribute(maps, at::stack(masks).to(model.device), positions);
    for (size_t i = first; i < end; ++i) {
      const auto row = at::tensor({static_cast<int64_t>(i - first)}, at::kLong).to(model.device);
      const auto& example = examples[unread[i]];
      parts[unread[i]] = found.select(row);
      example.image->said = Seen::Said{example.mask, parts[unread[i]]};
    }
  }
  return join(parts);
}

LearnedLogits learned_logits(model::Model& model, const TaskState& state, const Seen& query,
                             const sam::Prompts& prompts, bool refined) {
  const auto positions = model.sam->prompt_encoder->dense_pe(grid_of(query));
  const auto at_pixels = [&](const at::Tensor& low_res) {
    return sam::postprocess(low_res, query.frame, model.sam->config).select(0, 0).select(0, 0).cpu();
  };
  const auto dense = model.task_encoder->predict(query.maps, state, positions);
  LearnedLogits out{at_pixels(dense.logits), {}};
  if (refined) out.refined = at_pixels(refine(*model.sam, query.features, dense, positions, prompts).logits);
  return out;
}

at::Tensor LearnedLogits::probability(const std::string& output) const {
  if (output == "dense") return dense.sigmoid();
  if (output == "refined") return refined.sigmoid();
  return (0.5 * (dense + refined)).sigmoid();
}

namespace {

class Learned : public Engine {
 public:
  Learned(model::Model& model, TaskState state, std::string output)
      : model_(model), state_(std::move(state)), output_(std::move(output)) {}

  at::Tensor probability(const Seen& query, const sam::Prompts& prompts, const Progress&) const override {
    // Clicks and boxes reach SAM's decoder alone: what has been corrected is its answer.
    const bool prompted = prompts.points.defined() || prompts.boxes.defined();
    const std::string output = prompted ? "refined" : output_;
    return learned_logits(model_, state_, query, prompts, output != "dense").probability(output);
  }
  io::NamedTensors tensors() const override {
    io::NamedTensors out;
    for (size_t i = 0; i < state_.scales.size(); ++i) {
      const auto& s = state_.scales[i];
      const std::string prefix = "scales." + std::to_string(i) + ".";
      out.emplace_back(prefix + "histogram", s.histogram);
      out.emplace_back(prefix + "location", s.location);
      out.emplace_back(prefix + "ridge", s.ridge);
    }
    out.emplace_back("keys", state_.keys);
    out.emplace_back("values", state_.values);
    out.emplace_back("tokens", state_.tokens);
    return out;
  }
  io::Json describe() const override {
    io::Json json;
    json.set("memoryTokens", state_.keys.size(1));
    return json;
  }

 private:
  model::Model& model_;
  const TaskState state_;
  const std::string output_;
};

}  // namespace

std::unique_ptr<Engine> learned_engine(model::Model& model, TaskState state, const std::string& output) {
  return std::make_unique<Learned>(model, std::move(state), output);
}

std::unique_ptr<Engine> fit_learned(model::Model& model, const std::vector<Example>& examples,
                                    const FitOptions& options, const Progress& progress) {
  const auto contributions =
      contributions_of(model, examples, progress);  // says so where there is no task encoder
  return learned_engine(model, model.task_encoder->combine(contributions, 1), options.output);
}

std::unique_ptr<Engine> restore_learned(model::Model& model, const io::NamedTensors& tensors,
                                        const FitOptions& options) {
  need_task_encoder(model);
  std::unordered_map<std::string, at::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, tensor);
  const auto take = [&](const std::string& name) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      throw Error(ErrorCode::kCheckpointFormat, "The task file lacks the tensor " + name + ".");
    }
    return found->second.to(model.device);
  };
  TaskState state;
  for (int64_t i = 0; i < kScales; ++i) {
    const std::string prefix = "scales." + std::to_string(i) + ".";
    state.scales.push_back({take(prefix + "histogram"), take(prefix + "location"), take(prefix + "ridge")});
  }
  state.keys = take("keys");
  state.values = take("values");
  state.tokens = take("tokens");
  return learned_engine(model, std::move(state), options.output);
}

}  // namespace gmiseg::support
