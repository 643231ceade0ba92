#include "convert.h"

#include <cmath>

#include "runtime/error.h"

namespace gmiseg::binding {
namespace {

// 2^20: no image is larger, and the products below stay far from overflow.
constexpr int64_t kMaxSide = int64_t{1} << 20;
constexpr int64_t kMaxRows = int64_t{1} << 16;
constexpr int64_t kMaxPoints = int64_t{1} << 16;

[[noreturn]] void invalid(const std::string& name, const std::string& expectation) {
  throw Error(ErrorCode::kInvalidArg, name + " must be " + expectation + ".");
}

// The elements of a typed array of the kind that T names, checked for length.
template <typename T>
T* elements(const Napi::Value& value, const std::string& name, int64_t length) {
  constexpr napi_typedarray_type kind = sizeof(T) == 1 ? napi_uint8_array : napi_float32_array;
  const char* kind_name = sizeof(T) == 1 ? "a Uint8Array" : "a Float32Array";
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != kind)
    invalid(name, kind_name);
  auto array = value.As<Napi::TypedArrayOf<T>>();
  // Also what a detached array runs into: its length is 0.
  if (static_cast<int64_t>(array.ElementLength()) != length) {
    throw Error(ErrorCode::kShape, name + " must have " + std::to_string(length) + " elements, but has " +
                                       std::to_string(array.ElementLength()) + ".");
  }
  return array.Data();
}

template <typename T>
std::vector<T> copied(const Napi::Value& value, const std::string& name, int64_t length) {
  const T* data = elements<T>(value, name, length);
  return length == 0 ? std::vector<T>{} : std::vector<T>(data, data + length);
}

bool given(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

}  // namespace

std::string text(const Napi::Value& value, const char* name) {
  if (!value.IsString()) invalid(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

int64_t integer(const Napi::Value& value, const char* name, int64_t low, int64_t high) {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (std::floor(number) == number && number >= static_cast<double>(low) &&
        number <= static_cast<double>(high)) {
      return static_cast<int64_t>(number);
    }
  }
  invalid(name, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
}

Napi::Object object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) invalid(name, "an object");
  return value.As<Napi::Object>();
}

Napi::Function function(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) invalid(name, "a function");
  return value.As<Napi::Function>();
}

engine::LoadOptions load_options(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  engine::LoadOptions options;
  options.checkpoint = text(from.Get("checkpoint"), "options.checkpoint");
  options.config = text(from.Get("config"), "options.config");
  options.adapter = text(from.Get("adapter"), "options.adapter");
  if (const Napi::Value size = from.Get("imageSize"); !size.IsUndefined())
    options.image_size = integer(size, "options.imageSize", 0, 8192);
  options.device = text(from.Get("device"), "options.device");
  options.dtype = text(from.Get("dtype"), "options.dtype");
  options.threads = static_cast<int>(integer(from.Get("threads"), "options.threads", 0, 4096));
  options.seed = static_cast<uint64_t>(integer(from.Get("seed"), "options.seed", 0, (int64_t{1} << 53) - 1));
  if (const Napi::Value folder = from.Get("embeddingCache"); !folder.IsUndefined())
    options.embedding_cache = text(folder, "options.embeddingCache");
  if (const Napi::Value most = from.Get("embeddingCacheBytes"); !most.IsUndefined())
    options.embedding_cache_bytes = integer(most, "options.embeddingCacheBytes", 0, (int64_t{1} << 53) - 1);
  return options;
}

std::vector<uint8_t> bytes(const Napi::Value& value, const char* name, int64_t length) {
  return copied<uint8_t>(value, name, length);
}

Image image(const Napi::Value& value) {
  const Napi::Object from = object(value, "image");
  Image image;
  image.width = integer(from.Get("width"), "image.width", 1, kMaxSide);
  image.height = integer(from.Get("height"), "image.height", 1, kMaxSide);
  image.channels = integer(from.Get("channels"), "image.channels", 1, 3);
  if (image.channels == 2) invalid("image.channels", "1 or 3");
  image.data = copied<uint8_t>(from.Get("data"), "image.data", image.height * image.width * image.channels);
  return image;
}

engine::Look look(const Napi::Value& how) {
  const Napi::Object from = object(how, "look");
  const auto number = [&](const char* key, const char* name, int64_t low, int64_t high, int64_t otherwise) {
    const Napi::Value value = from.Get(key);
    return given(value) ? integer(value, name, low, high) : otherwise;
  };
  engine::Look look;
  look.side = number("side", "look.side", 0, 8192, 0);
  look.radius = number("radius", "look.radius", 0, kMaxSide, 0);
  look.channel = number("channel", "look.channel", -1, 2, -1);
  return look;
}

engine::PromptBatch prompts(const Napi::Value& value, const Geometry& geometry) {
  const Napi::Object from = object(value, "prompts");
  engine::PromptBatch batch;
  batch.rows = integer(from.Get("rows"), "prompts.rows", 1, kMaxRows);
  batch.points_per_row = integer(from.Get("pointsPerRow"), "prompts.pointsPerRow", 0, kMaxPoints);
  const int64_t points = batch.rows * batch.points_per_row;
  if (points > 0) {
    batch.points = copied<float>(from.Get("points"), "prompts.points", points * 2);
    batch.labels = copied<float>(from.Get("labels"), "prompts.labels", points);
  }
  if (const Napi::Value boxes = from.Get("boxes"); given(boxes)) {
    batch.boxes = copied<float>(boxes, "prompts.boxes", batch.rows * 4);
  }
  if (const Napi::Value logits = from.Get("maskLogits"); given(logits)) {
    batch.mask_logits =
        copied<float>(logits, "prompts.maskLogits", batch.rows * geometry.low_res * geometry.low_res);
  }
  if (const Napi::Value mask = from.Get("mask"); given(mask)) {
    batch.mask = copied<uint8_t>(mask, "prompts.mask", batch.rows * geometry.height * geometry.width);
  }
  if (const Napi::Value hint = from.Get("hint"); given(hint)) {
    batch.hint = copied<float>(hint, "prompts.hint", batch.rows * geometry.height * geometry.width);
  }
  if (!batch.mask.empty() && !batch.mask_logits.empty()) {
    throw Error(ErrorCode::kInvalidArg, "prompts.mask and prompts.maskLogits exclude each other; give one.");
  }
  return batch;
}

engine::PredictOutput predict_output(const Napi::Value& value, int64_t count, const Geometry& geometry) {
  const Napi::Object from = object(value, "out");
  const int64_t pixels = count * geometry.height * geometry.width;
  engine::PredictOutput out;
  out.masks = elements<uint8_t>(from.Get("masks"), "out.masks", pixels);
  out.scores = elements<float>(from.Get("scores"), "out.scores", count);
  out.stability = elements<float>(from.Get("stability"), "out.stability", count);
  if (const Napi::Value low_res = from.Get("lowRes"); given(low_res)) {
    out.low_res = elements<float>(low_res, "out.lowRes", count * geometry.low_res * geometry.low_res);
  }
  if (const Napi::Value logits = from.Get("logits"); given(logits)) {
    out.logits = elements<float>(logits, "out.logits", pixels);
  }
  return out;
}

engine::TaskOutput task_output(const Napi::Value& value, const Geometry& geometry) {
  const Napi::Object from = object(value, "out");
  const int64_t pixels = geometry.height * geometry.width;
  engine::TaskOutput out;
  out.probability = elements<float>(from.Get("probability"), "out.probability", pixels);
  if (const Napi::Value spread = from.Get("spread"); given(spread)) {
    out.spread = elements<float>(spread, "out.spread", pixels);
  }
  return out;
}

synth::SynthesizeRequest synthesize_request(const Napi::Value& value, const Napi::Value& out) {
  constexpr int64_t kMost = (int64_t{1} << 53) - 1;
  const Napi::Object from = object(value, "options");
  synth::SynthesizeRequest request;
  request.seed = static_cast<uint64_t>(integer(from.Get("seed"), "options.seed", 0, kMost));
  request.task = static_cast<uint64_t>(integer(from.Get("task"), "options.task", 0, kMost));
  request.first = static_cast<uint64_t>(integer(from.Get("first"), "options.first", 0, kMost));
  request.count = integer(from.Get("count"), "options.count", 0, kMaxRows);
  request.size = integer(from.Get("size"), "options.size", 32, 1024);
  if (request.size % 8 != 0) invalid("options.size", "a multiple of 8 from 32 to 1024");
  const Napi::Object arrays = object(out, "out");
  const int64_t pixels = request.count * request.size * request.size;
  request.images = elements<uint8_t>(arrays.Get("images"), "out.images", 3 * pixels);
  request.masks = elements<uint8_t>(arrays.Get("masks"), "out.masks", pixels);
  return request;
}

}  // namespace gmiseg::binding
