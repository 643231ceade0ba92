#include "model/model.h"

#include <ATen/Functions.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "baselines/checkpoint.h"
#include "io/checkpoint.h"
#include "io/json.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "io/sha256.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "sam/positions.h"

namespace gmiseg::model {

namespace {

namespace fs = std::filesystem;

constexpr char kAdapterPrefix[] = "adapter.";
constexpr char kTaskEncoderPrefix[] = "task_encoder.";
constexpr char kTaskEncoderKey[] = "gmiseg.task_encoder";  // in a file's metadata

sam::SamConfig config_from_option(const std::string& option) {
  if (!option.empty() && option.front() == '{')
    return sam::SamConfig::from_json(io::Json::parse(option, "config"));
  return sam::SamConfig::named(option);
}

// What weights are rounded to, and what is computed in.
struct Precision {
  c10::ScalarType weights = at::kFloat, arithmetic = at::kFloat;

  // The type that a weight is held in: where the two differ, only layers that widen it keep it narrow.
  c10::ScalarType of(const std::string& name, const at::Tensor& weight) const {
    const bool widens =
        name.starts_with("image_encoder.blocks.") && name.ends_with(".weight") && weight.dim() == 2;
    return widens ? weights : arithmetic;
  }
};

// Puts `source` into the parameter or buffer, keeping a mapped tensor mapped
// where dtype and device already fit. Matrix products round differently on
// memory that starts at another offset in a cache line: a tensor that is not
// aligned is copied, so that the same weights give the same bits from any file.
void assign(at::Tensor& target, const at::Tensor& source, c10::Device device, c10::ScalarType rounded,
            c10::ScalarType held) {
  constexpr uintptr_t kCacheLine = 64;
  auto data = source.detach().to(device, rounded).to(held);
  if (device.is_cpu() && reinterpret_cast<uintptr_t>(data.const_data_ptr()) % kCacheLine != 0)
    data = data.clone();
  // What has been copied out of a file need not stay in memory beside its copy.
  if (!data.is_alias_of(source) && source.is_cpu() && source.is_contiguous())
    io::drop_resident(source.const_data_ptr(), source.nbytes());
  target.set_data(data);
}

void assign_all(const torch::nn::Module& module, const std::string& prefix, const io::NamedTensors& tensors,
                const std::string& path, c10::Device device, const Precision& precision,
                const Progress& progress) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> expected;
  for (const auto& [name, tensor] : sam::named_weights(module))
    expected.emplace_back(prefix + name, tensor.sizes().vec());
  io::check_keys(expected, tensors, path);
  std::unordered_map<std::string, const at::Tensor*> by_name;
  for (const auto& [name, tensor] : tensors) by_name[name] = &tensor;
  double done = 0;
  const auto count = static_cast<double>(expected.size());
  for (auto& item : module.named_parameters()) {
    assign(item.value(), *by_name.at(prefix + item.key()), device, precision.weights,
           precision.of(item.key(), item.value()));
    progress.report("load", ++done / count);
  }
  for (auto& item : module.named_buffers()) {
    assign(item.value(), *by_name.at(prefix + item.key()), device, at::kFloat, at::kFloat);
  }
}

// Parameters to another device or precision; buffers stay float32 (see PositionEmbeddingRandom).
void move(const torch::nn::Module& module, c10::Device device, const Precision& precision = {}) {
  for (auto& item : module.named_parameters()) {
    assign(item.value(), item.value(), device, precision.weights, precision.of(item.key(), item.value()));
  }
  for (auto& item : module.named_buffers())
    assign(item.value(), item.value(), device, at::kFloat, at::kFloat);
}

// Weights of neither an adapter nor a task encoder.
bool is_base(const std::string& name) {
  return !name.starts_with(kAdapterPrefix) && !name.starts_with(kTaskEncoderPrefix);
}

// Position weights for another grid than they were trained on; relative ones of windows do not depend on it.
void resize_positions(io::NamedTensors& tensors, const sam::SamConfig& config) {
  const int64_t grid = config.grid();
  for (auto& [name, tensor] : tensors) {
    if (name == "image_encoder.pos_embed" && tensor.dim() == 4 && tensor.size(1) != grid) {
      tensor = sam::position_map(tensor.to(at::kFloat), grid, grid).contiguous();
    } else if (name.ends_with(".attn.rel_pos_h") || name.ends_with(".attn.rel_pos_w")) {
      constexpr char kHead[] = "image_encoder.blocks.";
      const int64_t block = std::stoll(name.substr(sizeof(kHead) - 1));
      if (!config.is_global(block) || tensor.size(0) == 2 * grid - 1) continue;
      tensor = sam::relative_table(tensor.to(at::kFloat), grid).contiguous();
    }
  }
}

bool is_trained(const Model& model, const std::string& name) {
  return std::any_of(model.trained_prefixes.begin(), model.trained_prefixes.end(),
                     [&](const std::string& prefix) { return name.starts_with(prefix); });
}

io::NamedTensors with_prefix(const io::NamedTensors& tensors, const std::string& prefix) {
  io::NamedTensors out;
  for (const auto& item : tensors) {
    if (item.first.starts_with(prefix)) out.push_back(item);
  }
  return out;
}

}  // namespace

const std::string& Model::base_id() {
  if (base_identity.empty()) {
    base_identity =
        checkpoint_path.empty() ? "random-" + std::to_string(seed) : io::sha256_of_weights(checkpoint_path);
  }
  return base_identity;
}

std::string Model::weights_id() {
  if (!has_adapter_file && version == 0) return base_id();
  io::Sha256 sha;
  const auto add = [&](const std::string& name, const at::Tensor& weight) {
    const auto bytes = weight.detach().to(at::kCPU).contiguous();
    sha.update(name.data(), name.size());
    sha.update(bytes.const_data_ptr(), bytes.nbytes());
  };
  sha.update(base_id().data(), base_id().size());
  if (baseline) {
    for (const auto& [name, weight] : sam::named_weights(*baseline)) add(name, weight);
    return sha.hex();
  }
  for (const auto& [name, weight] : sam::named_weights(*sam)) {
    if (is_trained(*this, name)) add(name, weight);
  }
  if (adapter) {
    for (const auto& [name, weight] : sam::named_weights(*adapter)) add(kAdapterPrefix + name, weight);
  }
  if (task_encoder) {
    for (const auto& [name, weight] : sam::named_weights(*task_encoder))
      add(kTaskEncoderPrefix + name, weight);
  }
  return sha.hex();
}

io::Json Model::config_json() const { return baseline ? baseline->config.to_json() : sam->config.to_json(); }

int64_t Model::image_size() const { return baseline ? baseline->config.image_size : sam->config.image_size; }

void freeze(Model& model) {
  const auto all_of = [](torch::nn::Module& module) {
    for (auto& p : module.parameters()) {
      p.set_requires_grad(false);
      p.mutable_grad().reset();
    }
  };
  if (model.baseline) {
    all_of(*model.baseline);
    return;
  }
  all_of(*model.sam);
  if (model.adapter) all_of(*model.adapter);
  if (model.task_encoder) all_of(*model.task_encoder);
}

void hold(Model& model) {
  const Precision precision{model.dtype, model.arithmetic};
  for (auto& item : model.sam->named_parameters()) {
    auto& p = item.value();
    p.set_data(p.detach().to(precision.of(item.key(), p)));
  }
}

void add_adapter(Model& model, const adapter::AdapterConfig& config, uint64_t seed) {
  model.adapter = adapter::make_adapter(config, model.sam->config.depth, model.sam->config.embed_dim);
  model.adapter->init(seed);
  // The adapter trains in float32 whatever the frozen weights are held in.
  move(*model.adapter, model.device);
}

void add_task_encoder(Model& model, const support::TaskEncoderConfig& config, uint64_t seed) {
  model.task_encoder = support::TaskEncoder(config, model.sam->config);
  sam::init_weights(*model.task_encoder, seed + 1);
  // As the adapter: what trains beside a frozen model does so in float32.
  move(*model.task_encoder, model.device);
}

namespace {

// The task encoder that a file carries, if it does.
void read_task_encoder(Model& model, const io::Metadata& metadata, const io::NamedTensors& tensors,
                       const std::string& path) {
  const auto description = metadata.find(kTaskEncoderKey);
  if (description == metadata.end()) return;
  model.task_encoder = support::TaskEncoder(
      support::TaskEncoderConfig::from_json(io::Json::parse(description->second, path)), model.sam->config);
  assign_all(*model.task_encoder, kTaskEncoderPrefix, with_prefix(tensors, kTaskEncoderPrefix), path,
             model.device, {}, {});
}

}  // namespace

void load_adapter(Model& model, const std::string& path) {
  model.sam->image_encoder->unpack();
  const auto file = io::read_safetensors(path);
  const auto description = file.metadata.find("gmiseg.adapter");
  if (description == file.metadata.end()) {
    throw Error(ErrorCode::kCheckpointFormat,
                path +
                    " is no adapter file: its metadata has no 'gmiseg.adapter'. "
                    "Adapter files come from 'gmiseg train' or save(path, { what: 'adapter' }).");
  }
  const auto base = file.metadata.find("gmiseg.base");
  if (base != file.metadata.end() && base->second != model.base_id()) {
    throw Error(ErrorCode::kCheckpointMismatch, path + " was trained on another base model (" +
                                                    base->second.substr(0, 16) + "..., this one is " +
                                                    model.base_id().substr(0, 16) +
                                                    "...). Load it on the checkpoint it was trained on.");
  }
  const auto config = adapter::AdapterConfig::from_json(io::Json::parse(description->second, path));
  auto adapter = adapter::make_adapter(config, model.sam->config.depth, model.sam->config.embed_dim);
  assign_all(*adapter, kAdapterPrefix, with_prefix(file.tensors, kAdapterPrefix), path, model.device, {}, {});
  // The other tensors replace weights of the base.
  std::unordered_map<std::string, at::Tensor> weights;
  for (auto& [name, tensor] : sam::named_weights(*model.sam)) weights.emplace(name, tensor);
  std::vector<std::pair<std::string, std::vector<int64_t>>> expected;
  io::NamedTensors replaced;
  for (const auto& item : file.tensors) {
    if (!is_base(item.first)) continue;
    replaced.push_back(item);
    if (weights.count(item.first) > 0)
      expected.emplace_back(item.first, weights.at(item.first).sizes().vec());
  }
  io::check_keys(expected, replaced, path);
  for (const auto& [name, tensor] : replaced) {
    auto& target = weights.at(name);
    assign(target, tensor, model.device, target.scalar_type(), target.scalar_type());
    const std::string prefix = name.substr(0, name.find('.') + 1);
    if (std::find(model.trained_prefixes.begin(), model.trained_prefixes.end(), prefix) ==
        model.trained_prefixes.end()) {
      model.trained_prefixes.push_back(prefix);
    }
  }
  model.adapter = std::move(adapter);
  model.has_adapter_file = true;
  read_task_encoder(model, file.metadata, file.tensors, path);
}

namespace {

// Makes the baseline that the options name or the checkpoint holds; false where it is a SAM.
bool load_baseline(Model& model, const LoadOptions& options, const std::optional<io::StoredWeights>& stored,
                   const Progress& progress) {
  std::optional<baselines::Config> given;
  if (baselines::is_baseline(options.config)) {
    given = options.config.front() == '{'
                ? baselines::Config::from_json(io::Json::parse(options.config, "config"))
                : baselines::Config::named(options.config);
  }
  std::optional<baselines::Stored> found;
  if (stored && (given || options.config.empty())) found = baselines::find_baseline(*stored, given);
  if (!given && !found) return false;
  if (!options.adapter.empty() || options.dtype != "float32") {
    throw Error(ErrorCode::kInvalidArg,
                "A baseline takes no adapter and runs in float32. Leave both options out.");
  }
  auto config = found ? found->config : *given;
  if (options.image_size > 0) config = config.resized(options.image_size);
  model.baseline = baselines::make_network(config);
  model.flavour = "random";
  if (found) {
    model.checkpoint_path = stored->path;
    model.format = stored->format;
    model.flavour = config.method;
    assign_all(*model.baseline, "", found->tensors, stored->path, model.device, {}, progress);
  } else {
    model.baseline->init(options.seed);
    move(*model.baseline, model.device);
  }
  model.baseline->eval();
  freeze(model);
  progress.report("load", 1);
  return true;
}

}  // namespace

std::shared_ptr<Model> load_model(const LoadOptions& options, const Progress& progress) {
  auto model = std::make_shared<Model>();
  model->device = runtime::resolve_device(options.device);
  if (options.dtype == "bfloat16") {
    model->dtype = at::kBFloat16;
    model->arithmetic = runtime::has_bfloat16(model->device) ? at::kBFloat16 : at::kFloat;
  } else if (options.dtype != "float32") {
    throw Error(ErrorCode::kInvalidArg,
                "There is no dtype '" + options.dtype + "'. Use 'float32' or 'bfloat16'.");
  }
  const Precision precision{model->dtype, model->arithmetic};
  model->seed = options.seed;
  progress.report("load", 0);
  std::optional<io::StoredWeights> stored;
  if (!options.checkpoint.empty()) stored = io::read_stored_weights(options.checkpoint);
  if (load_baseline(*model, options, stored, progress)) return model;
  if (options.checkpoint.empty()) {
    if (options.config.empty()) {
      throw Error(ErrorCode::kInvalidArg, "Neither a checkpoint nor a config was given. Name one of them.");
    }
    auto config = config_from_option(options.config);
    if (options.image_size > 0) config.image_size = options.image_size;
    model->sam = sam::Sam(config);
    sam::init_weights(*model->sam, options.seed);
    move(*model->sam, model->device, precision);
    model->flavour = "random";
  } else {
    auto checkpoint = io::read_checkpoint(*stored);
    stored.reset();
    model->checkpoint_path = checkpoint.path;
    model->format = checkpoint.format;
    model->flavour = checkpoint.flavour;
    if (options.config.empty() && checkpoint.config.is_null()) {
      throw Error(ErrorCode::kCheckpointFormat, "The model's shape cannot be told from " + checkpoint.path +
                                                    ": " + checkpoint.config_reason +
                                                    " Name it with the option 'config'.");
    }
    auto config = options.config.empty() ? sam::SamConfig::from_json(checkpoint.config)
                                         : config_from_option(options.config);
    if (!options.config.empty()) {
      // How its pixels are prepared belongs to the checkpoint, whatever the shape is called.
      if (checkpoint.preprocessing == "medsam") config.preprocessing = sam::Preprocessing::kMedSam;
      config.decoder_norm_eps = checkpoint.decoder_norm_eps;
    }
    if (options.image_size > 0) config.image_size = options.image_size;
    model->sam = sam::Sam(config);
    io::NamedTensors base;
    for (const auto& item : checkpoint.tensors) {
      if (is_base(item.first)) base.push_back(item);
    }
    if (options.image_size > 0) resize_positions(base, config);
    assign_all(*model->sam, "", base, checkpoint.path, model->device, precision, progress);
    const auto own = checkpoint.metadata.find("gmiseg.adapter");
    const bool adapted = own != checkpoint.metadata.end();
    if (adapted || checkpoint.metadata.count(kTaskEncoderKey) > 0) {
      // Saved as 'full' with parts of ours beside the base weights, which is all that the reader of
      // checkpoints takes.
      const auto parts = io::read_safetensors(checkpoint.path).tensors;
      if (adapted) {
        const auto adapter_config =
            adapter::AdapterConfig::from_json(io::Json::parse(own->second, checkpoint.path));
        model->adapter = adapter::make_adapter(adapter_config, config.depth, config.embed_dim);
        assign_all(*model->adapter, kAdapterPrefix, with_prefix(parts, kAdapterPrefix), checkpoint.path,
                   model->device, {}, {});
      }
      read_task_encoder(*model, checkpoint.metadata, parts, checkpoint.path);
    }
  }
  if (!options.adapter.empty()) load_adapter(*model, options.adapter);
  model->sam->eval();
  freeze(*model);
  progress.report("load", 1);
  return model;
}

namespace {

void save_baseline(const Model& model, const std::string& path, const std::string& what,
                   const io::Json* extra) {
  if (what != "full") {
    throw Error(ErrorCode::kInvalidArg,
                "A baseline is saved as 'full'; there is no adapter to save or to merge.");
  }
  torch::NoGradGuard no_grad;
  io::Metadata metadata{{"format", "pt"},
                        {"gmiseg.version", GMISEG_VERSION},
                        {"gmiseg.kind", what},
                        {"gmiseg.method", model.baseline->config.method},
                        {"gmiseg.config", model.config_json().dump()}};
  if (extra != nullptr) metadata["gmiseg.training"] = extra->dump();
  io::write_safetensors(path, sam::named_weights(*model.baseline), metadata);
}

// As small as they were asked to be. What training has changed is not: small updates would vanish.
io::NamedTensors written_weights(const Model& model) {
  io::NamedTensors out;
  for (auto& item : model.sam->named_parameters()) {
    const auto& p = item.value();
    out.emplace_back(item.key(), is_trained(model, item.key()) ? p : p.to(model.dtype));
  }
  for (auto& item : model.sam->named_buffers()) out.emplace_back(item.key(), item.value());
  return out;
}

}  // namespace

void save_model(Model& model, const std::string& path, const std::string& what, const io::Json* extra) {
  if (model.baseline) {
    save_baseline(model, path, what, extra);
    return;
  }
  torch::NoGradGuard no_grad;
  model.sam->image_encoder->unpack();
  io::Metadata metadata{{"format", "pt"},
                        {"gmiseg.version", GMISEG_VERSION},
                        {"gmiseg.kind", what},
                        {"gmiseg.config", model.sam->config.to_json().dump()}};
  if (extra != nullptr) metadata["gmiseg.training"] = extra->dump();
  io::NamedTensors tensors;
  const auto add_adapter_weights = [&] {
    for (auto& [name, tensor] : sam::named_weights(*model.adapter))
      tensors.emplace_back(kAdapterPrefix + name, tensor);
    metadata["gmiseg.adapter"] = model.adapter->config.to_json().dump();
  };
  const auto add_task_encoder_weights = [&] {
    if (!model.task_encoder) return;
    for (auto& [name, tensor] : sam::named_weights(*model.task_encoder))
      tensors.emplace_back(kTaskEncoderPrefix + name, tensor);
    metadata[kTaskEncoderKey] = model.task_encoder->config.to_json().dump();
  };
  const auto weights = written_weights(model);
  if (what == "adapter") {
    if (!model.adapter) {
      throw Error(ErrorCode::kInvalidArg, "This model has no adapter to save. Save it as 'full'.");
    }
    add_adapter_weights();
    add_task_encoder_weights();
    metadata["gmiseg.base"] = model.base_id();
    for (const auto& item : weights) {
      if (is_trained(model, item.first)) tensors.push_back(item);
    }
  } else if (what == "full") {
    tensors = weights;
    if (model.adapter) add_adapter_weights();
    add_task_encoder_weights();
  } else if (what == "merged") {
    tensors = weights;
    if (model.adapter) {
      for (auto& [name, tensor] : tensors) {
        constexpr char kHead[] = "image_encoder.blocks.";
        if (!name.starts_with(kHead) || !name.ends_with(".attn.qkv.weight")) continue;
        tensor = adapter::merged_qkv(*model.adapter, std::stoll(name.substr(sizeof(kHead) - 1)), tensor);
      }
    }
    add_task_encoder_weights();
  } else {
    throw Error(ErrorCode::kInvalidArg,
                "There is no way '" + what + "' to save a model. Use 'adapter', 'full' or 'merged'.");
  }
  io::write_safetensors(path, tensors, metadata);
}

}  // namespace gmiseg::model
