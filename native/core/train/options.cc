#include "train/options.h"

#include <algorithm>
#include <type_traits>

#include "runtime/error.h"

namespace gmiseg::train {

namespace {

using io::Json;

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::kInvalidArg, "The training option '" + key + "' " + why);
}

// One list of plain options for reading, writing and knowing the keys.
template <typename Options, typename Visitor>
void visit(Options& o, Visitor&& v) {
  v("minPixels", o.min_pixels, 1, 1e9);
  v("steps", o.steps, 1, 1e9);
  v("maxMinutes", o.max_minutes, 0, 1e6);
  v("batchSize", o.batch_size, 1, 4096);
  v("episodes", o.episodes, 0, 1);
  v("queries", o.queries, 1, 256);
  v("syntheticShare", o.synthetic_share, 0, 1);
  v("denseWeight", o.dense_weight, 0, 1e6);
  v("promptedWeight", o.prompted_weight, 0, 1e6);
  v("validateSupports", o.validate_supports, 1, 64);
  v("promptsPerImage", o.prompts_per_image, 1, 256);
  v("accumulate", o.accumulate, 1, 4096);
  v("learningRate", o.learning_rate, 0, 10);
  v("warmupSteps", o.warmup, 0, 1e9);
  v("schedule", o.schedule, 0, 0);
  v("finalFactor", o.final_factor, 0, 1);
  v("beta1", o.beta1, 0, 0.999999);
  v("beta2", o.beta2, 0, 0.999999);
  v("epsilon", o.epsilon, 1e-20, 1);
  v("weightDecay", o.weight_decay, 0, 10);
  v("clipNorm", o.clip, 0, 1e9);
  v("average", o.average, 0, 0.999999);
  v("dtype", o.dtype, 0, 0);
  v("activationCheckpointing", o.checkpointing, 0, 1);
  v("memory", o.memory, 0, 1e15);
  v("activationCache", o.activation_cache, 0, 1e15);
  v("focalWeight", o.focal_weight, 0, 1e6);
  v("diceWeight", o.dice_weight, 0, 1e6);
  v("iouWeight", o.iou_weight, -1, 1e6);
  v("boxShare", o.box_share, 0, 1e6);
  v("pointsShare", o.points_share, 0, 1e6);
  v("bothShare", o.both_share, 0, 1e6);
  v("maxPoints", o.max_points, 1, 64);
  v("boxOffset", o.box_offset, 0, 1024);
  v("refineShare", o.refine_share, 0, 1);
  v("flip", o.flip, 0, 1);
  v("noise", o.noise, 0, 10);
  v("zoom", o.zoom, 0, 2);
  v("rotate", o.rotate, 0, 180);
  v("gamma", o.gamma, 0, 2);
  v("taskAugment", o.task_augment, 0, 1);
  v("validateEvery", o.validate_every, 0, 1e9);
  v("validateSamples", o.validate_samples, 0, 1e6);
  v("checkpointEvery", o.checkpoint_every, 1, 1e9);
  v("keepCheckpoints", o.keep_checkpoints, 1, 1000);
  v("exportEvery", o.export_every, 0, 1e9);
  v("reportEvery", o.report_every, 0, 1e6);
  v("feedThreads", o.feed_threads, 0, 256);
}

template <typename Options, typename Visitor>
void visit_baseline(Options& o, Visitor&& v) {
  v("crossEntropy", o.cross_entropy);
  v("imageCycle", o.image_cycle);
  v("maskCycle", o.mask_cycle);
  v("identity", o.identity);
  v("paired", o.paired);
}

constexpr std::pair<const char*, TargetMode> kTargets[] = {
    {"area", TargetMode::kArea}, {"nearest", TargetMode::kNearest}, {"soft", TargetMode::kSoft}};
constexpr const char* kParts[] = {"adapter", "decoder", "prompt-encoder", "encoder", "task-encoder", "all"};
constexpr const char* kOwnKeys[] = {"data",       "out",         "resume",  "train",  "adapter",
                                    "datasets",   "labels",      "seed",    "target", "supports",
                                    "imageSizes", "taskEncoder", "baseline"};

void read(const Json& json, const char* key, bool& value) {
  if (!json.is_bool()) bad(key, "must be true or false.");
  value = json.as_bool();
}
void read(const Json& json, const char* key, std::string& value) {
  if (!json.is_string()) bad(key, "must be a string.");
  value = json.as_string();
}
void read(const Json& json, const char* key, int64_t& value) {
  // JavaScript writes 1e3 as 1000 but may send 2.0.
  if (json.is_int()) {
    value = json.as_int();
  } else if (json.is_number() &&
             json.as_double() == static_cast<double>(static_cast<int64_t>(json.as_double()))) {
    value = static_cast<int64_t>(json.as_double());
  } else {
    bad(key, "must be a whole number.");
  }
}
void read(const Json& json, const char* key, double& value) {
  if (!json.is_number()) bad(key, "must be a number.");
  value = json.as_double();
}

std::vector<std::string> strings(const Json& json, const char* key) {
  if (json.is_string()) return {json.as_string()};
  if (!json.is_array()) bad(key, "must be a string or a list of strings.");
  std::vector<std::string> out;
  for (const auto& item : json.as_array()) {
    if (!item.is_string()) bad(key, "must be a string or a list of strings.");
    out.push_back(item.as_string());
  }
  return out;
}

Json json_list(const std::vector<std::string>& values) {
  Json::Array out;
  for (const auto& v : values) out.emplace_back(v);
  return out;
}

template <typename T>
bool one_of(const T& value, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return value == name; });
}

void read_baseline(const Json& json, BaselineOptions& options) {
  if (!json.is_object()) bad("baseline", "must be an object.");
  std::vector<std::string> known;
  visit_baseline(options, [&](const char* key, double& value) {
    known.emplace_back(key);
    if (const auto* given = json.find(key)) read(*given, key, value);
    if (!(value >= 0 && value <= 1e6)) bad(std::string("baseline.") + key, "is not between 0 and 1000000.");
  });
  for (const auto& [key, value] : json.as_object()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      bad("baseline." + key, "does not exist. See docs/baselines.md for the list.");
  }
}

}  // namespace

TrainOptions TrainOptions::from_json(const Json& json, const TrainOptions& defaults) {
  if (!json.is_object()) throw Error(ErrorCode::kInvalidArg, "The training options are no JSON object.");
  TrainOptions o = defaults;
  std::vector<std::string> known(std::begin(kOwnKeys), std::end(kOwnKeys));
  visit(o, [&](const char* key, auto& value, double low, double high) {
    known.emplace_back(key);
    const auto* given = json.find(key);
    if (given == nullptr || given->is_null()) return;
    read(*given, key, value);
    if constexpr (std::is_arithmetic_v<std::remove_reference_t<decltype(value)>>) {
      const auto number = static_cast<double>(value);
      if (!(number >= low && number <= high)) {
        bad(key,
            "is " + given->dump() + ", not between " + Json(low).dump() + " and " + Json(high).dump() + ".");
      }
    }
  });
  for (const auto& [key, value] : json.as_object()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      bad(key, "does not exist. See docs/training.md for the list.");
    }
  }
  if (const auto* v = json.find("data")) o.data = strings(*v, "data");
  const bool synthetic = o.episodes && o.data.empty() && json.find("data") != nullptr;
  if (synthetic) o.synthetic_share = 1;
  if (o.data.empty() && !synthetic)
    bad("data", "is missing: name one or more slice stores ('gmiseg import' makes them).");
  o.out = json.get("out", "");
  if (o.out.empty()) bad("out", "is missing: name the folder for checkpoints and metrics.");
  o.resume = json.get("resume", false);
  if (const auto* v = json.find("datasets"); v != nullptr && !v->is_null())
    o.datasets = strings(*v, "datasets");
  if (const auto* v = json.find("labels"); v != nullptr && !v->is_null()) {
    if (!v->is_array()) bad("labels", "must be a list of label values.");
    for (const auto& label : v->as_array()) o.labels.push_back(label.as_int());
  }
  if (const auto* v = json.find("supports"); v != nullptr && !v->is_null()) {
    if (!v->is_array() || v->as_array().empty()) bad("supports", "must be a list of sizes.");
    o.supports.clear();
    for (const auto& size : v->as_array()) {
      o.supports.push_back(size.as_int());
      if (o.supports.back() < 1 || o.supports.back() > 64) bad("supports", "must be sizes between 1 and 64.");
    }
  }
  if (const auto* v = json.find("imageSizes"); v != nullptr && !v->is_null()) {
    if (!v->is_array()) bad("imageSizes", "must be a list of sides in pixels.");
    if (!o.episodes) bad("imageSizes", "is for episodes.");
    for (const auto& size : v->as_array()) {
      o.image_sizes.push_back(size.as_int());
      if (o.image_sizes.back() < 32 || o.image_sizes.back() > 1024 || o.image_sizes.back() % 32 != 0)
        bad("imageSizes", "must be multiples of 32 between 32 and 1024.");
    }
  }
  if (const auto* v = json.find("taskEncoder"); v != nullptr && !v->is_null())
    o.task_encoder = support::TaskEncoderConfig::from_json(*v);
  if (const auto* v = json.find("baseline"); v != nullptr && !v->is_null()) {
    o.has_baseline = true;
    read_baseline(*v, o.baseline);
  }
  if (const auto* v = json.find("seed"); v != nullptr && !v->is_null()) {
    int64_t seed = 0;
    read(*v, "seed", seed);
    if (seed < 0) bad("seed", "must not be negative.");
    o.seed = static_cast<uint64_t>(seed);
  }
  if (const auto* v = json.find("adapter"); v != nullptr && !v->is_null()) {
    o.has_adapter = true;
    o.adapter = adapter::AdapterConfig::from_json(*v);
  }
  if (const auto* v = json.find("train"); v != nullptr && !v->is_null()) o.train = strings(*v, "train");
  for (const auto& part : o.train) {
    if (std::find(std::begin(kParts), std::end(kParts), part) == std::end(kParts)) {
      bad("train", "names '" + part +
                       "'; the parts are adapter, decoder, prompt-encoder, encoder, task-encoder and all.");
    }
  }
  if (const auto* v = json.find("target"); v != nullptr && !v->is_null()) {
    const auto* found = std::find_if(std::begin(kTargets), std::end(kTargets), [&](const auto& t) {
      return v->is_string() && v->as_string() == t.first;
    });
    if (found == std::end(kTargets)) bad("target", "must be 'area', 'nearest' or 'soft'.");
    o.target = found->second;
  }
  if (!one_of(o.schedule, {"constant", "linear", "cosine", "poly", "constant-linear"})) {
    bad("schedule", "must be 'constant', 'linear', 'cosine', 'poly' or 'constant-linear'.");
  }
  if (!one_of(o.dtype, {"float32", "tf32", "bfloat16"}))
    bad("dtype", "must be 'float32', 'tf32' or 'bfloat16'.");
  if (o.checkpointing && o.memory > 0)
    bad("memory", "decides which activations are recomputed; leave out 'activationCheckpointing'.");
  if (o.box_share + o.points_share + o.both_share <= 0) bad("boxShare", "and its two fellows are all 0.");
  return o;
}

Json TrainOptions::to_json() const {
  Json json;
  json.set("data", json_list(data));
  json.set("train", json_list(train));
  json.set("adapter", has_adapter ? adapter.to_json() : Json());
  json.set("datasets", json_list(datasets));
  Json::Array label_values;
  for (int64_t label : labels) label_values.emplace_back(label);
  json.set("labels", std::move(label_values));
  json.set("supports", io::Json::Array(supports.begin(), supports.end()));
  if (!image_sizes.empty()) json.set("imageSizes", io::Json::Array(image_sizes.begin(), image_sizes.end()));
  json.set("taskEncoder", task_encoder.to_json());
  if (has_baseline) {
    Json own;
    visit_baseline(baseline, [&](const char* key, double value) { own.set(key, value); });
    json.set("baseline", std::move(own));
  }
  json.set("seed", static_cast<int64_t>(seed));
  for (const auto& [name, mode] : kTargets) {
    if (mode == target) json.set("target", name);
  }
  visit(*this, [&](const char* key, const auto& value, double, double) { json.set(key, Json(value)); });
  return json;
}

}  // namespace gmiseg::train
