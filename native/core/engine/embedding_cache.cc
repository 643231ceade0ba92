#include "engine/embedding_cache.h"

#include <ATen/core/Tensor.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "io/checkpoint.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/sha256.h"
#include "runtime/error.h"

namespace gmiseg::engine {

namespace fs = std::filesystem;

namespace {

constexpr const char* kEnd = ".safetensors";
constexpr const char* kChannelsLast = "channelsLast";

std::string digest(const std::string& text) {
  io::Sha256 sha;
  sha.update(text.data(), text.size());
  return sha.hex();
}

// The sha256 of a checkpoint of a gigabyte takes seconds, which a process that encodes one picture has not
// got: it is remembered for as long as the file is untouched.
void remember_identity(const std::string& folder, model::Model& model) {
  if (model.checkpoint_path.empty()) return;
  std::string seen;
  for (const auto& path : io::weight_files(model.checkpoint_path)) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) return;
    seen += path + "|" + std::to_string(file.st_dev) + "|" + std::to_string(file.st_ino) + "|" +
            std::to_string(file.st_size) + "|" + std::to_string(file.st_mtim.tv_sec) + "." +
            std::to_string(file.st_mtim.tv_nsec) + "\n";
  }
  const std::string note = folder + "/checkpoint-" + digest(seen).substr(0, 32);
  std::string known;
  if (std::ifstream(note) >> known && known.size() == 64) {
    model.base_identity = known;
    return;
  }
  try {
    io::write_file_atomically(note, model.base_id() + "\n");
  } catch (const Error&) {
    // A folder that takes nothing more is no reason to fail; it is found anew next time.
  }
}

}  // namespace

EmbeddingCache::EmbeddingCache(std::string folder, int64_t most_bytes, model::Model& model)
    : folder_(std::move(folder)), most_bytes_(most_bytes) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) {
    throw Error(ErrorCode::kIo, "The folder of cached embeddings " + folder_ +
                                    " cannot be made: " + failed.message() + ". Name another one.");
  }
  io::Json json;
  json.set("gmiseg", GMISEG_VERSION);
  json.set("torch", GMISEG_TORCH_VERSION);
  remember_identity(folder_, model);
  json.set("weights", model.weights_id());
  json.set("config", model.config_json());
  json.set("dtype", model.dtype == at::kBFloat16 ? "bfloat16" : "float32");
  json.set("arithmetic", model.arithmetic == at::kBFloat16 ? "bfloat16" : "float32");
  json.set("device", model.device.is_cpu() ? "cpu" : "cuda");
  model_ = json.dump();
}

std::string EmbeddingCache::key_of(const ImageView& image, int64_t side) const {
  io::Json json;
  json.set("height", image.height);
  json.set("width", image.width);
  json.set("channels", image.channels);
  json.set("side", side);
  const std::string head = model_ + json.dump();
  io::Sha256 sha;
  sha.update(head.data(), head.size());
  sha.update(image.data, static_cast<size_t>(image.height * image.width * image.channels));
  return sha.hex();
}

std::string EmbeddingCache::file_of(const std::string& key) const { return folder_ + "/" + key + kEnd; }

std::optional<sam::ImageFeatures> EmbeddingCache::find(const std::string& key, c10::Device device) const {
  const auto path = file_of(key);
  std::error_code failed;
  if (!fs::exists(path, failed)) return std::nullopt;
  try {
    const auto file = io::read_safetensors(path);
    const auto last = file.metadata.find(kChannelsLast);
    sam::ImageFeatures out;
    for (const auto& [name, tensor] : file.tensors) {
      // Layout decides the order of sums, and so the last bits of what is made of it.
      const bool nhwc = last != file.metadata.end() && last->second.find(name + ",") != std::string::npos;
      auto here = tensor.to(device);
      if (nhwc) here = here.contiguous(at::MemoryFormat::ChannelsLast);
      if (name == "embedding") {
        out.embedding = here;
      } else {
        out.high_res.push_back(here);
      }
    }
    if (!out.embedding.defined()) return std::nullopt;
    // The time of its last use is what decides who stays.
    fs::last_write_time(path, fs::file_time_type::clock::now(), failed);
    return out;
  } catch (const Error&) {
    fs::remove(path, failed);
    return std::nullopt;
  }
}

void EmbeddingCache::keep(const std::string& key, const sam::ImageFeatures& features) {
  io::NamedTensors tensors{{"embedding", features.embedding}};
  for (size_t i = 0; i < features.high_res.size(); ++i)
    tensors.emplace_back("high_res." + std::to_string(i), features.high_res[i]);
  std::string last;
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    bytes += static_cast<int64_t>(tensor.nbytes());
    if (!tensor.is_contiguous() && tensor.is_contiguous(at::MemoryFormat::ChannelsLast)) last += name + ",";
  }
  if (bytes > most_bytes_) return;
  try {
    io::write_safetensors(file_of(key), tensors, {{kChannelsLast, last}});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
    return;
  }
  if (bytes_ >= 0) bytes_ += bytes;
  if (bytes_ < 0 || bytes_ > most_bytes_) make_room();
}

void EmbeddingCache::make_room() {
  struct Kept {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
  };
  std::vector<Kept> all;
  std::error_code failed;
  bytes_ = 0;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().extension() != kEnd) continue;
    // Another process may be tidying up as well.
    const auto used = entry.last_write_time(failed);
    if (failed) continue;
    const auto size = entry.file_size(failed);
    if (failed) continue;
    bytes_ += static_cast<int64_t>(size);
    all.push_back({used, static_cast<int64_t>(size), entry.path()});
  }
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  for (const auto& kept : all) {
    if (bytes_ <= most_bytes_) break;
    fs::remove(kept.path, failed);
    bytes_ -= kept.bytes;
  }
}

}  // namespace gmiseg::engine
