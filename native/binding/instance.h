// What one environment owns: its lane, the table of pending jobs and the classes.
// Everything here is for the JS thread; lane.h has the rules.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "estate.h"
#include "job.h"
#include "lane.h"

namespace gmiseg::binding {

struct SessionCore;
struct EmbeddingCore;
struct TaskCore;

// A job as the JS thread hands it in.
struct Request {
  std::shared_ptr<Job> job;
  // Makes the value that the promise resolves with.
  std::function<Napi::Value(Napi::Env)> result;
  // Called with `callback` after the job's notices; both or neither.
  std::function<void(Napi::Env, const Napi::Function&)> deliver;
  Napi::Function callback;
  // Objects whose memory the lane writes to.
  std::vector<Napi::Object> keep;
};

class Instance {
 public:
  explicit Instance(Napi::Env env);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  static Instance& of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  // Both give the NativeJob: { promise, abort }.
  Napi::Object submit(Napi::Env env, Request request);
  static Napi::Object rejected(Napi::Env env, const Error& error);

  // Runs `start`, which checks arguments and submits; what it throws rejects.
  template <typename Function>
  Napi::Value start(Napi::Env env, Function&& start) {
    estate->settle(env);
    try {
      return start();
    } catch (const Napi::Error&) {
      throw;  // a getter of the caller's threw
    } catch (...) {
      return rejected(env, current_exception_to_error());
    }
  }

  const std::shared_ptr<Estate> estate = std::make_shared<Estate>();
  Napi::FunctionReference session_class;
  Napi::FunctionReference embedding_class;
  Napi::FunctionReference task_class;
  // Handed to the constructor that is about to run; else constructors throw.
  std::shared_ptr<SessionCore> newborn_session;
  std::shared_ptr<EmbeddingCore> newborn_embedding;
  std::shared_ptr<TaskCore> newborn_task;

 private:
  struct Pending {
    Pending(Napi::Env env, Request&& request);
    std::shared_ptr<Job> job;
    Napi::Promise::Deferred deferred;
    std::function<Napi::Value(Napi::Env)> result;
    std::function<void(Napi::Env, const Napi::Function&)> deliver;
    Napi::FunctionReference callback;
    std::vector<Napi::ObjectReference> keep;
    // What the callback threw; the promise rejects with it.
    std::optional<Napi::Error> thrown;
  };

  static void on_wake(Napi::Env env, Napi::Function, Instance* instance, void*);
  using Wake = Napi::TypedThreadSafeFunction<Instance, void, on_wake>;

  void ensure_lane(Napi::Env env);
  void stop_lane();
  void abort(Napi::Env env, uint64_t id);
  void deliver(Napi::Env env, uint64_t id);
  void settle(Napi::Env env, uint64_t id);
  std::shared_ptr<Pending> remove(Napi::Env env, uint64_t id);
  void shut_down();

  std::unordered_map<uint64_t, std::shared_ptr<Pending>> jobs_;
  uint64_t next_id_ = 1;
  Wake wake_;
  std::unique_ptr<Lane> lane_;
  bool stopped_ = false;
};

}  // namespace gmiseg::binding
