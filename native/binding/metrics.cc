#include "metrics.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "instance.h"
#include "job.h"
#include "metrics/distance.h"
#include "metrics/evaluate.h"
#include "metrics/grid.h"
#include "runtime/error.h"

namespace gmiseg::binding {
namespace {

// 2^20 voxels a side as elsewhere; all together stay countable in 2^40.
constexpr int64_t kMaxSide = int64_t{1} << 20;
constexpr int64_t kMaxVoxels = int64_t{1} << 40;
constexpr int64_t kMaxLabel = (int64_t{1} << 31) - 1;

[[noreturn]] void invalid(const std::string& name, const std::string& expectation) {
  throw Error(ErrorCode::kInvalidArg, name + " must be " + expectation + ".");
}

Napi::Array list(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) invalid(name, "a list");
  return value.As<Napi::Array>();
}

double positive(const Napi::Value& value, const char* name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  if (!std::isfinite(number) || number <= 0) invalid(name, "a number above 0");
  return number;
}

metrics::Grid grid(const Napi::Object& from) {
  const Napi::Array shape = list(from.Get("shape"), "request.shape");
  const Napi::Array spacing = list(from.Get("spacing"), "request.spacing");
  const uint32_t axes = shape.Length();
  if (axes != 2 && axes != 3) invalid("request.shape", "two or three sizes");
  if (spacing.Length() != axes) invalid("request.spacing", "as long as request.shape");
  metrics::Grid grid;
  grid.axes = static_cast<int>(axes);
  int64_t voxels = 1;
  for (uint32_t axis = 0; axis < axes; ++axis) {
    grid.size[axis] = integer(shape.Get(axis), "request.shape", 1, kMaxSide);
    grid.spacing[axis] = positive(spacing.Get(axis), "request.spacing");
    voxels *= grid.size[axis];
    if (voxels > kMaxVoxels) invalid("request.shape", "at most 2^40 voxels");
  }
  return grid;
}

template <typename T>
std::vector<T> values(const Napi::TypedArray& from) {
  const auto array = from.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

// A copy of a typed array of labels.
metrics::LabelMap label_map(const Napi::Value& value, const std::string& name, const metrics::Grid& grid) {
  if (!value.IsTypedArray()) invalid(name, "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  const auto length = static_cast<int64_t>(array.ElementLength());
  if (length != grid.voxels()) {
    throw Error(ErrorCode::kShape, name + " must have " + std::to_string(grid.voxels()) +
                                       " elements, but has " + std::to_string(length) + ".");
  }
  switch (array.TypedArrayType()) {
    case napi_uint8_array:
      return values<uint8_t>(array);
    case napi_uint16_array:
      return values<uint16_t>(array);
    case napi_int32_array:
      return values<int32_t>(array);
    default:
      invalid(name, "a Uint8Array, Uint16Array or Int32Array");
  }
}

metrics::Labels labels(const Napi::Value& value) {
  const Napi::Array from = list(value, "an object");
  metrics::Labels out;
  for (uint32_t i = 0; i < from.Length(); ++i)
    out.push_back(static_cast<int32_t>(integer(from.Get(i), "a label", 1, kMaxLabel)));
  std::sort(out.begin(), out.end());
  return out;
}

struct EvaluateJob final : Job {
  metrics::EvaluateRequest request;
  std::string result;
  void run(const Progress& progress) override { result = metrics::evaluate(request, progress); }
};

struct TransformJob final : Job {
  metrics::Grid grid;
  std::vector<uint8_t> mask;
  double* out = nullptr;
  void run(const Progress& progress) override {
    metrics::distance_transform(mask.data(), grid, out, progress);
  }
};

}  // namespace

Napi::Value evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Instance::of(env).start(env, [&] {
    const Napi::Object from = object(info[0], "request");
    auto job = std::make_shared<EvaluateJob>();
    metrics::EvaluateRequest& wanted = job->request;
    wanted.grid = grid(from);
    wanted.tolerance = positive(from.Get("tolerance"), "request.tolerance");
    const Napi::Array objects = list(from.Get("objects"), "request.objects");
    for (uint32_t i = 0; i < objects.Length(); ++i) wanted.objects.push_back(labels(objects.Get(i)));
    wanted.prediction = label_map(from.Get("prediction"), "request.prediction", wanted.grid);
    wanted.truth = label_map(from.Get("truth"), "request.truth", wanted.grid);
    Request request;
    request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
      return Napi::String::New(env, job->result);
    };
    request.job = std::move(job);
    return Instance::of(env).submit(env, std::move(request));
  });
}

Napi::Value distance_transform(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Instance::of(env).start(env, [&] {
    const Napi::Object from = object(info[0], "request");
    auto job = std::make_shared<TransformJob>();
    job->grid = grid(from);
    job->mask = bytes(from.Get("mask"), "request.mask", job->grid.voxels());
    const Napi::Value out = info[1];
    if (!out.IsTypedArray() || out.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
      invalid("out", "a Float64Array");
    auto array = out.As<Napi::Float64Array>();
    if (static_cast<int64_t>(array.ElementLength()) != job->grid.voxels())
      throw Error(ErrorCode::kShape,
                  "out must have " + std::to_string(job->grid.voxels()) + " elements, one for each voxel.");
    job->out = array.Data();
    Request request;
    request.keep.push_back(array);
    request.result = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    request.job = std::move(job);
    return Instance::of(env).submit(env, std::move(request));
  });
}

}  // namespace gmiseg::binding
