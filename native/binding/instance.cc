#include "instance.h"

#include <utility>

#include "embedding.h"
#include "errors.h"
#include "session.h"
#include "task.h"

namespace gmiseg::binding {

Instance::Pending::Pending(Napi::Env env, Request&& request)
    : job(std::move(request.job)),
      deferred(Napi::Promise::Deferred::New(env)),
      result(std::move(request.result)),
      deliver(std::move(request.deliver)) {
  if (!request.callback.IsEmpty()) callback = Napi::Persistent(request.callback);
  keep.reserve(request.keep.size());
  for (const Napi::Object& object : request.keep) keep.push_back(Napi::Persistent(object));
}

Instance::Instance(Napi::Env env) {
  session_class = Napi::Persistent(NativeSession::define(env));
  embedding_class = Napi::Persistent(NativeEmbedding::define(env));
  task_class = Napi::Persistent(NativeTask::define(env));
}

void Instance::ensure_lane(Napi::Env env) {
  if (lane_) return;
  wake_ = Wake::New(env, "gmiseg", 0, 1, this);
  wake_.Unref(env);
  // After the thread-safe function, so that this hook runs before that one's.
  env.AddCleanupHook([](Instance* instance) { instance->shut_down(); }, this);
  lane_ = std::make_unique<Lane>([this] { wake_.NonBlockingCall(); });
  // First among the listeners: one that throws keeps the later ones from being called.
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  const auto on_exit = [](const Napi::CallbackInfo& info) { of(info.Env()).stop_lane(); };
  process.Get("prependListener")
      .As<Napi::Function>()
      .Call(process, {Napi::String::New(env, "exit"), Napi::Function::New(env, on_exit, "stopLane")});
}

Napi::Object Instance::submit(Napi::Env env, Request request) {
  if (stopped_) throw Error(ErrorCode::kClosed, "The process is exiting; no job can start any more.");
  ensure_lane(env);
  const std::shared_ptr<Job> job = request.job;
  const uint64_t id = next_id_++;
  job->id = id;
  auto pending = std::make_shared<Pending>(env, std::move(request));
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", pending->deferred.Promise());
  handle.Set("abort", Napi::Function::New(
                          env, [id](const Napi::CallbackInfo& info) { of(info.Env()).abort(info.Env(), id); },
                          "abort"));
  if (jobs_.empty()) wake_.Ref(env);
  jobs_.emplace(id, std::move(pending));
  lane_->submit(job);
  return handle;
}

Napi::Object Instance::rejected(Napi::Env env, const Error& error) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(to_js(env, error));
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", deferred.Promise());
  handle.Set("abort", Napi::Function::New(
                          env, [](const Napi::CallbackInfo&) {}, "abort"));
  return handle;
}

void Instance::on_wake(Napi::Env env, Napi::Function, Instance* instance, void*) {
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment is going
  instance->estate->settle(env);
  for (const Lane::Event& event : instance->lane_->take_events()) {
    const Napi::HandleScope scope(env);
    if (event.kind == Lane::Kind::kNotice) {
      instance->deliver(env, event.job);
    } else {
      instance->settle(env, event.job);
    }
  }
}

void Instance::abort(Napi::Env env, uint64_t id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  found->second->job->stop.store(true);
  if (!lane_->withdraw(id)) return;  // running: it will hear of it
  remove(env, id)->deferred.Reject(
      to_js(env, Error(ErrorCode::kAborted, "The job was aborted before it started.")));
}

void Instance::deliver(Napi::Env env, uint64_t id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  // Kept by a pointer of our own: the callback may do anything, ending the environment included.
  const std::shared_ptr<Pending> pending = found->second;
  // Before reading, so that what comes while we read posts a notice again.
  pending->job->notice_posted.store(false);
  if (pending->thrown || !pending->deliver) return;
  try {
    pending->deliver(env, pending->callback.Value());
  } catch (const Napi::Error& error) {
    pending->thrown = error;
    pending->job->stop.store(true);
  }
}

void Instance::settle(Napi::Env env, uint64_t id) {
  const std::shared_ptr<Pending> pending = remove(env, id);
  if (!pending) return;
  try {
    if (pending->thrown) {
      pending->deferred.Reject(pending->thrown->Value());
    } else if (pending->job->error) {
      pending->deferred.Reject(to_js(env, *pending->job->error));
    } else {
      pending->deferred.Resolve(pending->result(env));
    }
  } catch (const Napi::Error& error) {
    // JavaScript is being stopped, or an object could not be made.
    pending->deferred.Reject(error.Value());
  } catch (...) {
    pending->deferred.Reject(to_js(env, current_exception_to_error()));
  }
}

std::shared_ptr<Instance::Pending> Instance::remove(Napi::Env env, uint64_t id) {
  const auto node = jobs_.extract(id);
  if (node.empty()) return nullptr;
  if (jobs_.empty()) wake_.Unref(env);
  return node.mapped();
}

void Instance::stop_lane() {
  stopped_ = true;
  for (const auto& [id, pending] : jobs_) pending->job->stop.store(true);
  if (lane_) lane_->stop();  // it may never have started
}

void Instance::shut_down() {
  stop_lane();
  jobs_.clear();
  for (Releasable* holding : estate->live) holding->release();
  wake_.Release();
}

}  // namespace gmiseg::binding
