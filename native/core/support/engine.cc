#include "support/engine.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "runtime/error.h"
#include "runtime/rng.h"
#include "support/learned.h"

namespace gmiseg::support {

namespace {

constexpr const char* kEngines[] = {"learned", "training-free", "threshold", "copy", "baseline"};
constexpr const char* kOutputs[] = {"dense", "refined", "mean"};
constexpr const char* kScaleNames[] = {"any", "given", "stretched", "relative"};
constexpr uint64_t kSubsetStream = 21;

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::kInvalidArg, "The task option '" + key + "' " + why);
}

template <typename Options, typename Visitor>
void visit(Options& o, Visitor&& v) {
  v("engine", o.engine);
  v("output", o.output);
  v("scale", o.scale);
  v("location", o.location, 0, 10);
  v("temperature", o.temperature, 0.001, 10);
  v("size", o.size, 0, 8192);
  v("cutoff", o.cutoff, 0.01, 0.99);
  v("ensemble", o.ensemble, 1, 64);
  v("subset", o.subset, 0, 4096);
  v("seed", o.seed, 0, 9007199254740991.0);
}

struct Reader {
  const io::Json& json;
  std::vector<std::string> known;

  const io::Json* given(const char* key) {
    known.emplace_back(key);
    const auto* value = json.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  void operator()(const char* key, std::string& value) {
    const auto* v = given(key);
    if (v == nullptr) return;
    if (!v->is_string()) bad(key, "must be a string.");
    value = v->as_string();
  }
  template <typename Number>
  void operator()(const char* key, Number& value, double low, double high) {
    const auto* v = given(key);
    if (v == nullptr) return;
    if (!v->is_number()) bad(key, "must be a number.");
    const double number = v->as_double();
    const bool whole = std::is_floating_point_v<Number> || number == std::floor(number);
    if (!(number >= low && number <= high) || !whole) {
      bad(key, "is " + v->dump() + ", not " + (std::is_floating_point_v<Number> ? "" : "a whole number ") +
                   "between " + io::Json(low).dump() + " and " + io::Json(high).dump() + ".");
    }
    value = static_cast<Number>(number);
  }
};

struct Writer {
  io::Json& json;
  void operator()(const char* key, const std::string& value) { json.set(key, value); }
  void operator()(const char* key, double value, double, double) { json.set(key, value); }
  void operator()(const char* key, int64_t value, double, double) { json.set(key, value); }
  void operator()(const char* key, uint64_t value, double, double) {
    json.set(key, static_cast<int64_t>(value));
  }
};

template <size_t N>
void one_of(const char* key, const std::string& value, const char* const (&names)[N]) {
  if (std::find(std::begin(names), std::end(names), value) != std::end(names)) return;
  std::string list;
  for (const char* name : names) list += (list.empty() ? "'" : ", '") + std::string(name) + "'";
  bad(key, "is '" + value + "', not one of " + list + ".");
}

std::vector<Example> at_places(const std::vector<Example>& examples, const std::vector<size_t>& places) {
  std::vector<Example> out;
  for (const size_t i : places) out.push_back(examples[i]);
  return out;
}

// Cutoffs that leaving one out tries; the first is where nobody shifts anything.
constexpr double kCutoffs[] = {0.5, 0.4, 0.3, 0.2, 0.1, 0.6, 0.7, 0.8, 0.9};

// Pixels that a mask and a probability share at each cutoff, for Dice.
io::Json judged(const Example& example, const at::Tensor& probability) {
  io::Json::Array both, predicted;
  for (const double cutoff : kCutoffs) {
    const auto found = probability.ge(cutoff);
    both.emplace_back(found.logical_and(example.mask).sum().item<int64_t>());
    predicted.emplace_back(found.sum().item<int64_t>());
  }
  io::Json json;
  json.set("group", example.group);
  json.set("truth", example.mask.sum().item<int64_t>());
  json.set("both", std::move(both));
  json.set("predicted", std::move(predicted));
  return json;
}

}  // namespace

FitOptions FitOptions::from_json(const io::Json& json) {
  if (!json.is_object()) throw Error(ErrorCode::kInvalidArg, "The task options are no JSON object.");
  FitOptions options;
  Reader reader{json, {}};
  visit(options, reader);
  for (const auto& [key, value] : json.as_object()) {
    if (std::find(reader.known.begin(), reader.known.end(), key) == reader.known.end())
      bad(key, "does not exist.");
  }
  one_of("engine", options.engine, kEngines);
  one_of("output", options.output, kOutputs);
  one_of("scale", options.scale, kScaleNames);
  return options;
}

io::Json FitOptions::to_json() const {
  io::Json json;
  visit(*this, Writer{json});
  return json;
}

namespace {

// Of an engine that looks through a SAM on a baseline, and the other way round.
void check_engine(const model::Model& model, const std::string& engine) {
  const bool baseline = engine == "baseline";
  if (engine == "threshold" || engine == "copy" || baseline == (model.baseline != nullptr)) return;
  throw Error(ErrorCode::kInvalidArg,
              baseline ? "This model is no baseline, which the engine 'baseline' needs. Use another engine, "
                         "or load a model of UniverSeg, Neuralizer, CycleGAN or a U-Net."
                       : "This model is a baseline, which the engine '" + engine +
                             "' cannot use. Use the engine 'baseline', or load a SAM.");
}

// Maps of one size do not fit those of another.
void check_size(const model::Model& model, const Seen& seen, const FitOptions& options) {
  if (options.engine != "learned" && options.engine != "training-free") return;
  const int64_t size = options.size > 0 ? options.size : model.image_size();
  if (seen.frame.side == size) return;
  throw Error(ErrorCode::kInvalidArg, "The picture was encoded at " + std::to_string(seen.frame.side) +
                                          " pixels and the task is for " + std::to_string(size) +
                                          ". Encode it at the task's size.");
}

}  // namespace

std::unique_ptr<Engine> fit(model::Model& model, const std::vector<Example>& examples,
                            const FitOptions& options, const Progress& progress) {
  progress.check();
  check_engine(model, options.engine);
  if (examples.empty()) throw Error(ErrorCode::kInvalidArg, "A task needs at least one example.");
  for (const auto& example : examples) check_size(model, *example.image, options);
  if (options.engine == "learned") return fit_learned(model, examples, options, progress);
  if (options.engine == "training-free") return fit_training_free(model, examples, options);
  if (options.engine == "baseline") return fit_baseline(model, examples);
  if (options.engine == "threshold") return fit_threshold(examples, options);
  return fit_copy(examples);
}

std::unique_ptr<Engine> restore(model::Model& model, const io::NamedTensors& tensors,
                                const FitOptions& options) {
  check_engine(model, options.engine);
  if (options.engine == "learned") return restore_learned(model, tensors, options);
  if (options.engine == "training-free") return restore_training_free(model, tensors, options);
  if (options.engine == "baseline") return restore_baseline(model, tensors);
  if (options.engine == "threshold") return restore_threshold(tensors);
  return restore_copy(tensors);
}

std::pair<at::Tensor, at::Tensor> Fitted::probability(const model::Model& model, const Seen& query,
                                                      const sam::Prompts& prompts,
                                                      const Progress& progress) const {
  check_size(model, query, options);
  const double shift = -std::log(options.cutoff / (1 - options.cutoff));
  std::vector<at::Tensor> all;
  for (const auto& member : members) {
    progress.check();
    const auto p = member->probability(query, prompts, progress);
    all.push_back(shift == 0 ? p : at::sigmoid(at::logit(p, 1e-6) + shift));
  }
  if (all.size() == 1) return {all[0], at::zeros_like(all[0])};
  const auto stack = at::stack(all);
  return {stack.mean(0), stack.std(0, /*unbiased=*/false)};
}

io::Json Fitted::describe() const {
  io::Json json;
  json.set("options", options.to_json());
  json.set("examples", examples);
  io::Json::Array found;
  for (const auto& member : members) found.push_back(member->describe());
  json.set("members", std::move(found));
  return json;
}

Fitted fit_members(model::Model& model, const std::vector<Example>& examples, const FitOptions& options,
                   const Progress& progress) {
  Fitted out;
  out.options = options;
  out.examples = static_cast<int64_t>(examples.size());
  const auto count = static_cast<int64_t>(examples.size());
  if (options.ensemble == 1 || count == 1) {
    out.members.push_back(fit(model, examples, options, progress));
    return out;
  }
  const int64_t size =
      options.subset > 0 ? std::min(options.subset, count) : std::max<int64_t>(1, (2 * count + 2) / 3);
  for (int64_t member = 0; member < options.ensemble; ++member) {
    progress.report("define", static_cast<double>(member) / static_cast<double>(options.ensemble));
    // The first `size` places of a shuffle.
    runtime::Rng rng(options.seed, kSubsetStream, static_cast<uint64_t>(member));
    std::vector<size_t> places(examples.size());
    std::iota(places.begin(), places.end(), 0);
    for (int64_t i = 0; i < size; ++i) {
      std::swap(places[static_cast<size_t>(i)], places[static_cast<size_t>(i + rng.below(count - i))]);
    }
    places.resize(static_cast<size_t>(size));
    out.members.push_back(fit(model, at_places(examples, places), options, progress));
  }
  return out;
}

io::Json leave_one_out(model::Model& model, const std::vector<Example>& examples,
                       const std::vector<FitOptions>& candidates, const Progress& progress) {
  std::set<int64_t> groups;
  for (const auto& example : examples) groups.insert(example.group);
  if (groups.size() < 2) {
    throw Error(ErrorCode::kInvalidArg, "Leaving one out takes two examples or more.");
  }
  const bool learned = std::any_of(candidates.begin(), candidates.end(),
                                   [](const FitOptions& o) { return o.engine == "learned"; });
  const bool refined = std::any_of(candidates.begin(), candidates.end(), [](const FitOptions& o) {
    return o.engine == "learned" && o.output != "dense";
  });
  for (const auto& options : candidates) {
    check_engine(model, options.engine);
    for (const auto& example : examples) check_size(model, *example.image, options);
  }
  Contributions contributions;
  if (learned) contributions = contributions_of(model, examples, progress);
  std::vector<std::vector<io::Json>> results(candidates.size(), std::vector<io::Json>(examples.size()));
  double done = 0;
  for (const int64_t group : groups) {
    progress.report("leave one out", done++ / static_cast<double>(groups.size()));
    std::vector<size_t> in, out;
    for (size_t i = 0; i < examples.size(); ++i) (examples[i].group == group ? out : in).push_back(i);
    std::vector<LearnedLogits> logits;
    if (learned) {
      const std::vector<int64_t> places(in.begin(), in.end());
      const auto state =
          model.task_encoder->combine(contributions.select(at::tensor(places).to(model.device)), 1);
      for (const size_t i : out)
        logits.push_back(learned_logits(model, state, *examples[i].image, {}, refined));
    }
    for (size_t c = 0; c < candidates.size(); ++c) {
      const auto& options = candidates[c];
      if (options.engine == "learned") {
        for (size_t i = 0; i < out.size(); ++i)
          results[c][out[i]] = judged(examples[out[i]], logits[i].probability(options.output));
        continue;
      }
      const auto engine = fit(model, at_places(examples, in), options, progress);
      for (const size_t i : out) {
        progress.check();
        results[c][i] = judged(examples[i], engine->probability(*examples[i].image, {}, progress));
      }
    }
  }
  io::Json::Array list;
  for (size_t c = 0; c < candidates.size(); ++c) {
    io::Json entry;
    entry.set("options", candidates[c].to_json());
    entry.set("results", io::Json::Array(results[c].begin(), results[c].end()));
    list.push_back(std::move(entry));
  }
  io::Json json;
  json.set("cutoffs", io::Json::Array(std::begin(kCutoffs), std::end(kCutoffs)));
  json.set("candidates", std::move(list));
  return json;
}

}  // namespace gmiseg::support
