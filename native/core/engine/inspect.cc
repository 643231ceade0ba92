// What a checkpoint is, without building a model of it.
#include <c10/core/ScalarType.h>

#include "baselines/checkpoint.h"
#include "engine/session.h"
#include "io/checkpoint.h"
#include "io/json.h"

namespace gmiseg::engine {
namespace {

// The names of the safetensors format, for every format.
std::string dtype_name(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return "F64";
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    case at::kLong:
      return "I64";
    case at::kInt:
      return "I32";
    case at::kShort:
      return "I16";
    case at::kChar:
      return "I8";
    case at::kByte:
      return "U8";
    case at::kBool:
      return "BOOL";
    case at::kUInt64:
      return "U64";
    case at::kUInt32:
      return "U32";
    case at::kUInt16:
      return "U16";
    case at::kFloat8_e4m3fn:
      return "F8_E4M3";
    case at::kFloat8_e5m2:
      return "F8_E5M2";
    default:
      return c10::toString(type);
  }
}

}  // namespace

std::string inspect_checkpoint(const std::string& path, const Progress& progress) {
  progress.check();
  const io::StoredWeights stored = io::read_stored_weights(path);
  progress.check();
  io::Checkpoint checkpoint = io::interpret_weights(stored);
  if (const auto baseline = baselines::find_baseline(stored, std::nullopt)) {
    checkpoint.flavour = baseline->config.method;
    checkpoint.preprocessing = "min-max";
    checkpoint.config = baseline->config.to_json();
    checkpoint.config_reason.clear();
    checkpoint.tensors = baseline->tensors;
  }
  io::Json::Object metadata;
  for (const auto& [key, value] : checkpoint.metadata) metadata.emplace_back(key, io::Json(value));
  io::Json::Array tensors;
  tensors.reserve(stored.tensors.size());
  for (const auto& [name, tensor] : stored.tensors) {
    io::Json::Array shape;
    for (const int64_t size : tensor.sizes()) shape.emplace_back(size);
    io::Json entry;
    entry.set("name", name);
    entry.set("dtype", dtype_name(tensor.scalar_type()));
    entry.set("shape", std::move(shape));
    tensors.push_back(std::move(entry));
  }
  io::Json out;
  out.set("path", checkpoint.path);
  out.set("format", checkpoint.format);
  out.set("flavour", checkpoint.flavour);
  out.set("preprocessing", checkpoint.tensors.empty() ? io::Json() : io::Json(checkpoint.preprocessing));
  out.set("config", checkpoint.config);
  out.set("configReason", checkpoint.config_reason);
  out.set("weights", static_cast<int64_t>(checkpoint.tensors.size()));
  out.set("metadata", std::move(metadata));
  out.set("tensors", std::move(tensors));
  return out.dump();
}

}  // namespace gmiseg::engine
