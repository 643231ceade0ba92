// NativeSession: the handle of one loaded model.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/session.h"
#include "estate.h"

namespace gmiseg::binding {

// The core's session with the facts that the JS thread may ask for while the
// lane works; jobs hold it, so close() frees it after the last of them.
struct SessionCore {
  // On the lane.
  explicit SessionCore(std::shared_ptr<engine::Session> session);
  void refresh();

  // On any thread.
  std::string info() const;

  const std::shared_ptr<engine::Session> engine;
  const int64_t low_res;
  const size_t bytes;

 private:
  mutable std::mutex mutex_;
  std::string info_;
};

class NativeSession : public Napi::ObjectWrap<NativeSession> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<SessionCore> core);
  // The module's load(options, onProgress?).
  static Napi::Value load(const Napi::CallbackInfo& info);

  explicit NativeSession(const Napi::CallbackInfo& info);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value encode(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  template <Napi::Value (*Call)(const Napi::CallbackInfo&, std::shared_ptr<SessionCore>)>
  Napi::Value about_tasks(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // Throws Error(kClosed).
  std::shared_ptr<SessionCore> core() const;

  std::optional<Holding<SessionCore>> holding_;
};

}  // namespace gmiseg::binding
