// NativeEmbedding: the handle of one image's embedding.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "engine/session.h"
#include "estate.h"

namespace gmiseg::binding {

// The core's object with its facts, read once on the lane.
struct EmbeddingCore {
  explicit EmbeddingCore(std::shared_ptr<engine::Embedding> embedding);
  const std::shared_ptr<engine::Embedding> engine;
  const int64_t height;
  const int64_t width;
  const int64_t low_res;
  const std::vector<int64_t> shape;
  const size_t bytes;
};

class NativeEmbedding : public Napi::ObjectWrap<NativeEmbedding> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<EmbeddingCore> core);
  // Throws Error(kInvalidArg) for anything but a NativeEmbedding, Error(kClosed) for a closed one.
  static std::shared_ptr<EmbeddingCore> core_of(const Napi::Value& value);

  explicit NativeEmbedding(const Napi::CallbackInfo& info);

 private:
  Napi::Value to_array(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::optional<Holding<EmbeddingCore>> holding_;
};

}  // namespace gmiseg::binding
