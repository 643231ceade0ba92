#include "io/checkpoint.h"

#include <ATen/ops/equal.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "io/huggingface.h"
#include "io/mapped_file.h"
#include "io/sha256.h"
#include "io/torch_checkpoint.h"
#include "runtime/error.h"

namespace gmiseg::io {
namespace {

constexpr size_t kMaxJson = size_t{64} << 20;

[[noreturn]] void bad_format(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' " + problem);
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
}

std::string base_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Json read_json(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (file->size() > kMaxJson) bad_format(path, "is no JSON file of a sensible size.");
  try {
    return Json::parse(file->bytes(), "'" + path + "'");
  } catch (const Error& e) {
    throw Error(ErrorCode::kCheckpointFormat, e.what());
  }
}

bool is_index(const std::string& path) { return path.ends_with(".index.json"); }

// The content decides; where it decides nothing, the name chooses whose words explain why.
TensorFile read_file(const std::string& path, std::string& format) {
  bool torch = false;
  {
    const auto file = MappedFile::open(path);
    const std::string_view bytes = file->bytes();
    const bool safetensors = bytes.size() > 8 && bytes[8] == '{';
    const std::string name = lower_case(path);
    torch = bytes.starts_with("PK\x03\x04") || (!safetensors && !name.ends_with(".safetensors"));
  }
  format = torch ? "pth" : "safetensors";
  return torch ? read_torch_checkpoint(path) : read_safetensors(path);
}

// {"weight_map": {name: file}}: the names by the paths of the files beside it.
std::map<std::string, std::set<std::string>> shards_of(const std::string& path) {
  const Json index = read_json(path);
  const Json* map = index.is_object() ? index.find("weight_map") : nullptr;
  if (map == nullptr || !map->is_object() || map->as_object().empty())
    bad_format(path, "has no \"weight_map\".");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [name, file] : map->as_object()) {
    const std::string shard = file.is_string() ? file.as_string() : "";
    if (shard.empty() || shard[0] == '.' ||
        shard.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      bad_format(path, "names a shard outside its folder: \"" + shard + "\".");
    }
    shards[folder_of(path) + "/" + shard].insert(name);
  }
  return shards;
}

TensorFile read_shards(const std::string& path, std::string& format) {
  TensorFile result;
  for (const auto& [shard_path, names] : shards_of(path)) {
    TensorFile part = read_file(shard_path, format);
    for (auto& [name, tensor] : part.tensors) {
      if (names.count(name) == 0)
        bad_format(shard_path, "holds \"" + name + "\", which its index places elsewhere.");
      result.tensors.emplace_back(std::move(name), std::move(tensor));
    }
    if (part.tensors.size() != names.size()) bad_format(shard_path, "lacks weights that its index promises.");
    result.metadata.merge(part.metadata);
  }
  return result;
}

// ---- names ----

constexpr std::array<std::string_view, 5> kRoots = {"image_encoder", "prompt_encoder", "mask_decoder",
                                                    "vision_encoder", "shared_image_embedding"};
constexpr std::array<std::string_view, 9> kWrappers = {
    "model", "state_dict", "model_state", "model_state_dict", "module",
    "sam",   "net",        "_orig_mod",   "sam_model"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The length of what stands before a SAM's own name; none where there is no such name.
std::optional<size_t> prefix_length(std::string_view name) {
  size_t at = 0;
  while (at < name.size()) {
    const size_t dot = name.find('.', at);
    if (dot == std::string_view::npos) return std::nullopt;
    if (contains(kRoots, name.substr(at, dot - at))) return at;
    at = dot + 1;
  }
  return std::nullopt;
}

bool is_wrapper_prefix(std::string_view prefix) {
  while (!prefix.empty()) {
    const size_t dot = prefix.find('.');
    if (!contains(kWrappers, prefix.substr(0, dot))) return false;
    prefix.remove_prefix(dot + 1);
  }
  return true;
}

// Which prefix the weights stand under; none where there are no weights.
std::optional<std::string> find_prefix(const StoredWeights& stored, std::string& foreign) {
  std::set<std::string> prefixes;
  for (const auto& [name, tensor] : stored.tensors) {
    const auto length = prefix_length(name);
    if (!length) continue;
    const std::string prefix = name.substr(0, *length);
    if (is_wrapper_prefix(prefix)) {
      prefixes.insert(prefix);
    } else if (foreign.empty()) {
      foreign = prefix;
    }
  }
  if (prefixes.empty()) return std::nullopt;
  if (prefixes.size() > 1) {
    bad_format(stored.path, "holds weights under \"" + *prefixes.begin() + "\" and under \"" +
                                *std::next(prefixes.begin()) + "\". Save one model's state dict alone.");
  }
  return *prefixes.begin();
}

// Copies the weights under their reference names; returns whether they had Hugging Face's.
bool take_weights(const StoredWeights& stored, const std::string& prefix, NamedTensors& out) {
  bool huggingface = false;
  for (const auto& [name, tensor] : stored.tensors) {
    huggingface = huggingface || name.starts_with(prefix + "vision_encoder.");
  }
  std::map<std::string, size_t> places;
  std::set<const void*> memory;
  for (const auto& [name, tensor] : stored.tensors) {
    if (prefix_length(name) != prefix.size() || !name.starts_with(prefix)) continue;
    std::string own = name.substr(prefix.size());
    if (huggingface) own = translate_huggingface_name(own);
    const auto [place, is_new] = places.emplace(own, out.size());
    if (is_new) {
      // Training writes into these: none may be a view with odd strides or share another's memory.
      at::Tensor whole = tensor.contiguous();
      if (whole.numel() > 0 && !memory.insert(whole.const_data_ptr()).second) whole = whole.clone();
      out.emplace_back(std::move(own), std::move(whole));
      continue;
    }
    // Tied weights are stored twice by some versions of transformers.
    const at::Tensor& first = out[place->second].second;
    if (first.dtype() != tensor.dtype() || !first.sizes().equals(tensor.sizes()) ||
        !at::equal(first, tensor)) {
      bad_format(stored.path, "stores two copies of \"" + own + "\" that differ. Export it again.");
    }
  }
  return huggingface;
}

// ---- config ----

constexpr std::array<const char*, 15> kConfigKeys = {
    "variant",         "image_size",        "patch_size",          "embed_dim",        "depth",
    "num_heads",       "mlp_dim",           "global_attn_indexes", "window_size",      "prompt_embed_dim",
    "decoder_mlp_dim", "decoder_num_heads", "iou_head_hidden_dim", "decoder_norm_eps", "preprocessing"};

const at::Tensor* find_tensor(const NamedTensors& tensors, std::string_view name) {
  for (const auto& [own, tensor] : tensors) {
    if (own == name) return &tensor;
  }
  return nullptr;
}

// What of the config the weights contradict; empty where nothing.
std::string contradiction(const Json& config, const NamedTensors& tensors) {
  const auto differs = [&](const char* key, const std::string& name, int64_t axis,
                           int64_t divisor) -> std::string {
    const at::Tensor* tensor = find_tensor(tensors, name);
    const Json* value = config.find(key);
    if (tensor == nullptr || value == nullptr || !value->is_int() || tensor->dim() <= axis || divisor < 1)
      return {};
    if (value->as_int() == tensor->size(axis) * divisor) return {};
    return std::string(key) + " is " + std::to_string(value->as_int()) + ", but \"" + name + "\" makes it " +
           std::to_string(tensor->size(axis) * divisor);
  };
  const int64_t patch = config.get("patch_size", 16);
  for (const std::string& text : {differs("embed_dim", "image_encoder.pos_embed", 3, 1),
                                  differs("image_size", "image_encoder.pos_embed", 1, patch),
                                  differs("patch_size", "image_encoder.patch_embed.proj.weight", 3, 1),
                                  differs("prompt_embed_dim", "image_encoder.neck.0.weight", 0, 1)}) {
    if (!text.empty()) return text;
  }
  const int64_t depth = config.get("depth", 0);
  const auto block = [](int64_t i) { return "image_encoder.blocks." + std::to_string(i) + ".norm1.weight"; };
  if (depth > 0 &&
      (find_tensor(tensors, block(depth - 1)) == nullptr || find_tensor(tensors, block(depth)) != nullptr)) {
    return "depth is " + std::to_string(depth) + ", but the weights have another number of blocks";
  }
  return {};
}

// The config.json in `folder`, in our keys; null where there is none of a SAM that fits.
Json config_beside(const StoredWeights& stored, const NamedTensors& tensors) {
  const bool strict = !stored.folder.empty();
  const std::string path = (strict ? stored.folder : folder_of(stored.path)) + "/config.json";
  if (!exists(path)) return {};
  try {
    const Json json = read_json(path);
    Json config;
    if (is_huggingface_config(json)) {
      config = translate_huggingface_config(json, path);
      if (json.get("preprocessing", "") != "") config.set("preprocessing", json.get("preprocessing", ""));
    } else if (json.is_object() && json.find("embed_dim") != nullptr && json.find("depth") != nullptr) {
      for (const char* key : kConfigKeys) {
        if (const Json* value = json.find(key)) config.set(key, *value);
      }
      const at::Tensor* mlp = find_tensor(tensors, "image_encoder.blocks.0.mlp.lin1.weight");
      if (mlp != nullptr && mlp->dim() == 2 && config.find("mlp_dim") == nullptr)
        config.set("mlp_dim", mlp->size(0));
    } else {
      return {};
    }
    const std::string problem = contradiction(config, tensors);
    if (problem.empty()) return config;
    if (!strict) return {};
    throw Error(ErrorCode::kCheckpointMismatch, "'" + path + "' does not fit '" + stored.path +
                                                    "': " + problem +
                                                    ". Bring the config.json that belongs to these weights.");
  } catch (const Error& e) {
    // Whatever lies beside a single file need not concern it.
    if (!strict) return {};
    if (e.code() == ErrorCode::kInvalidArg) bad_format(path, std::string("is no usable config: ") + e.what());
    throw;
  }
}

bool says_medsam(const StoredWeights& stored) {
  const auto it = stored.metadata.find("preprocessing");
  if (it != stored.metadata.end()) return lower_case(it->second) == "medsam";
  const std::string name = base_name(stored.folder.empty() ? stored.path : stored.folder);
  return lower_case(name).find("medsam") != std::string::npos;
}

// A config's own word goes before what was guessed.
void read_defaults(const StoredWeights& stored, Checkpoint& out) {
  if (out.config.is_null()) return;
  try {
    out.preprocessing = out.config.get("preprocessing", out.preprocessing.c_str());
    out.decoder_norm_eps = out.config.get("decoder_norm_eps", out.decoder_norm_eps);
  } catch (const Error& e) {
    bad_format(stored.path, std::string("comes with a config that cannot be used: ") + e.what());
  }
}

void find_config(const StoredWeights& stored, bool huggingface, Checkpoint& out) {
  if (const auto own = stored.metadata.find("gmiseg.config"); own != stored.metadata.end()) {
    try {
      out.config = Json::parse(own->second, "the metadata \"gmiseg.config\"");
    } catch (const Error& e) {
      bad_format(stored.path, std::string("cannot be used: ") + e.what());
    }
    if (!out.config.is_object()) bad_format(stored.path, "has a \"gmiseg.config\" that is no object.");
    out.flavour = "gmiseg";
    read_defaults(stored, out);
    return;
  }
  const bool medsam = says_medsam(stored);
  out.flavour = huggingface ? "huggingface" : medsam ? "medsam" : "sam";
  out.config = config_beside(stored, out.tensors);
  if (out.config.is_null()) {
    out.config = infer_sam_config(out.tensors, out.config_reason);
    if (huggingface && !out.config.is_null()) out.config.set("decoder_norm_eps", 1e-6);
  }
  out.preprocessing = medsam ? "medsam" : "sam";
  if (huggingface) out.decoder_norm_eps = 1e-6;
  read_defaults(stored, out);
  if (!out.config.is_null()) out.config.set("preprocessing", out.preprocessing);
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

// "3 missing (a, b, c)"; long lists end with a count.
std::string listed(const std::vector<std::string>& names, const char* what) {
  constexpr size_t kShown = 20;
  std::string text = std::to_string(names.size()) + " " + what + " (";
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += ", and " + std::to_string(names.size() - kShown) + " more";
  return text + ")";
}

}  // namespace

StoredWeights read_stored_weights(const std::string& path) {
  StoredWeights stored;
  stored.path = path;
  if (is_folder(path)) {
    stored.folder = path;
    stored.path.clear();
    for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                             "pytorch_model.bin.index.json"}) {
      const std::string candidate = (path.ends_with('/') ? path : path + "/") + name;
      if (stored.path.empty() && exists(candidate)) stored.path = candidate;
    }
    if (stored.path.empty()) {
      throw Error(ErrorCode::kCheckpointNotFound,
                  "The folder '" + path +
                      "' holds neither model.safetensors nor pytorch_model.bin. Name a folder that "
                      "transformers' save_pretrained wrote, or the weights file itself.");
    }
  }
  TensorFile file =
      is_index(stored.path) ? read_shards(stored.path, stored.format) : read_file(stored.path, stored.format);
  stored.tensors = std::move(file.tensors);
  stored.metadata = std::move(file.metadata);
  return stored;
}

std::vector<std::string> weight_files(const std::string& path) {
  std::vector<std::string> out{path};
  if (is_index(path)) {
    for (const auto& [shard, names] : shards_of(path)) out.push_back(shard);
  }
  return out;
}

std::string sha256_of_weights(const std::string& path) {
  if (!is_index(path)) return sha256_of_file(path);
  Sha256 hash;
  for (const auto& file : weight_files(path)) {
    const std::string own = sha256_of_file(file);
    hash.update(own.data(), own.size());
  }
  return hash.hex();
}

Checkpoint interpret_weights(const StoredWeights& stored) {
  Checkpoint out;
  out.path = stored.path;
  out.format = stored.format;
  out.metadata = stored.metadata;
  std::string foreign;
  const std::optional<std::string> prefix = find_prefix(stored, foreign);
  if (!prefix) {
    const bool adapter =
        !stored.tensors.empty() && std::all_of(stored.tensors.begin(), stored.tensors.end(),
                                               [](const auto& t) { return t.first.starts_with("adapter."); });
    out.flavour = adapter ? "adapter" : "unknown";
    out.config_reason =
        adapter ? "It holds an adapter, not a model. Load it as the adapter of its base checkpoint."
                : "It holds no weights of a SAM.";
    if (!foreign.empty()) {
      out.config_reason = "Its weights stand under \"" + foreign + "\". Save that model's state dict alone.";
    }
    return out;
  }
  const bool huggingface = take_weights(stored, *prefix, out.tensors);
  for (const auto& [name, tensor] : out.tensors) {
    if (!tensor.is_floating_point()) {
      bad_format(stored.path, "stores \"" + name +
                                  "\" as integers. gmiseg needs floating-point weights, not quantised ones.");
    }
  }
  find_config(stored, huggingface, out);
  return out;
}

Checkpoint read_checkpoint(const StoredWeights& stored) {
  Checkpoint checkpoint = interpret_weights(stored);
  if (!checkpoint.tensors.empty()) return checkpoint;
  std::string first =
      stored.tensors.empty() ? "" : " Its first tensor is \"" + stored.tensors.front().first + "\".";
  bad_format(stored.path, "is no SAM checkpoint. " + checkpoint.config_reason + first);
}

void check_keys(const std::vector<std::pair<std::string, std::vector<int64_t>>>& expected,
                const NamedTensors& found, const std::string& path) {
  std::map<std::string_view, at::IntArrayRef> shapes;
  for (const auto& [name, tensor] : found) shapes.emplace(name, tensor.sizes());
  std::set<std::string_view> known;
  std::vector<std::string> missing, unexpected, misshapen;
  for (const auto& [name, shape] : expected) {
    known.insert(name);
    const auto it = shapes.find(name);
    if (it == shapes.end()) {
      missing.push_back(name);
    } else if (!it->second.equals(shape)) {
      misshapen.push_back(name + " " + shape_text(it->second) + " instead of " + shape_text(shape));
    }
  }
  bool med2d = false;
  for (const auto& [name, tensor] : found) {
    if (known.count(name) > 0) continue;
    unexpected.push_back(name);
    med2d = med2d || name.find(".Adapter.") != std::string::npos;
  }
  if (missing.empty() && unexpected.empty() && misshapen.empty()) return;
  std::string text = "'" + path + "' does not fit the model:";
  const char* separator = " ";
  for (const auto& [names, what] : {std::pair{&missing, "missing"}, std::pair{&unexpected, "unexpected"},
                                    std::pair{&misshapen, "of another shape"}}) {
    if (names->empty()) continue;
    text += separator + listed(*names, what);
    separator = "; ";
  }
  text += med2d ? ". These are SAM-Med2D's encoder adapters, which gmiseg does not have."
                : ". Choose the config that belongs to these weights, or leave it out to have it inferred.";
  throw Error(ErrorCode::kCheckpointMismatch, text);
}

}  // namespace gmiseg::io
