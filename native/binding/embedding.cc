#include "embedding.h"

#include <functional>
#include <numeric>
#include <utility>

#include "errors.h"
#include "instance.h"

namespace gmiseg::binding {
namespace {
// Random: tells our objects from everybody else's.
constexpr napi_type_tag kEmbeddingTag = {0x6f3b1e0d92c84a57ULL, 0xb81c4f7720ad3e95ULL};

Error closed() { return Error(ErrorCode::kClosed, "The embedding is closed; encode the image again."); }

}  // namespace

EmbeddingCore::EmbeddingCore(std::shared_ptr<engine::Embedding> embedding)
    : engine(std::move(embedding)),
      height(engine->image_height()),
      width(engine->image_width()),
      low_res(engine->low_res()),
      shape(engine->shape()),
      bytes(engine->memory_bytes()) {}

Napi::Function NativeEmbedding::define(Napi::Env env) {
  return DefineClass(env, "NativeEmbedding",
                     {InstanceMethod<&NativeEmbedding::to_array>("toArray"),
                      InstanceMethod<&NativeEmbedding::close>("close")});
}

Napi::Object NativeEmbedding::create(Napi::Env env, std::shared_ptr<EmbeddingCore> core) {
  Instance& instance = Instance::of(env);
  instance.newborn_embedding = std::move(core);
  return instance.embedding_class.New({});
}

std::shared_ptr<EmbeddingCore> NativeEmbedding::core_of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kEmbeddingTag)) {
    throw Error(ErrorCode::kInvalidArg, "embedding must be what encode() resolved with.");
  }
  const NativeEmbedding* embedding = Unwrap(value.As<Napi::Object>());
  if (!embedding->holding_->core()) throw closed();
  return embedding->holding_->core();
}

NativeEmbedding::NativeEmbedding(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  const std::shared_ptr<EmbeddingCore> core = std::exchange(instance.newborn_embedding, nullptr);
  if (!core)
    throw Napi::TypeError::New(env, "NativeEmbedding comes from encode(), not from its constructor.");
  Napi::Object self = info.This().As<Napi::Object>();
  self.TypeTag(&kEmbeddingTag);
  // Own properties, not accessors: those do not check what they are called on.
  Napi::Array shape = Napi::Array::New(env, core->shape.size());
  for (size_t i = 0; i < core->shape.size(); ++i) {
    shape.Set(static_cast<uint32_t>(i), static_cast<double>(core->shape[i]));
  }
  shape.Freeze();
  self.DefineProperties({
      Napi::PropertyDescriptor::Value("imageWidth", Napi::Number::New(env, static_cast<double>(core->width)),
                                      napi_enumerable),
      Napi::PropertyDescriptor::Value(
          "imageHeight", Napi::Number::New(env, static_cast<double>(core->height)), napi_enumerable),
      Napi::PropertyDescriptor::Value("shape", shape, napi_enumerable),
  });
  holding_.emplace(env, instance.estate, core, core->bytes);
}

Napi::Value NativeEmbedding::to_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::shared_ptr<EmbeddingCore>& core = holding_->core();
    if (!core) throw closed();
    const int64_t count =
        std::accumulate(core->shape.begin(), core->shape.end(), int64_t{1}, std::multiplies<int64_t>());
    Napi::Float32Array array = Napi::Float32Array::New(env, static_cast<size_t>(count));
    core->engine->copy_to(array.Data());
    return array;
  });
}

void NativeEmbedding::close(const Napi::CallbackInfo& info) { holding_->close(info.Env()); }

}  // namespace gmiseg::binding
