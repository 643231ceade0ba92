// NativeTask: the handle of one task, and the session's calls about tasks.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/session.h"
#include "estate.h"
#include "session.h"

namespace gmiseg::binding {

// The core's object with its facts, read once on the lane.
struct TaskCore {
  explicit TaskCore(std::shared_ptr<engine::Task> task);
  const std::shared_ptr<engine::Task> engine;
  const int64_t examples;
  const std::string description;
  const size_t bytes;
};

class NativeTask : public Napi::ObjectWrap<NativeTask> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<TaskCore> core);
  // Throws Error(kInvalidArg) for anything but a NativeTask, Error(kClosed) for a closed one.
  static std::shared_ptr<TaskCore> core_of(const Napi::Value& value);

  explicit NativeTask(const Napi::CallbackInfo& info);

  // NativeSession's methods, with the session that they are called on.
  static Napi::Value define_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session);
  static Napi::Value predict_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session);
  static Napi::Value leave_one_out(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session);
  static Napi::Value save_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session);
  static Napi::Value load_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session);

 private:
  Napi::Value describe(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::optional<Holding<TaskCore>> holding_;
};

}  // namespace gmiseg::binding
