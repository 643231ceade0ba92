#include "task.h"

#include <utility>
#include <vector>

#include "convert.h"
#include "embedding.h"
#include "errors.h"
#include "instance.h"
#include "job.h"

namespace gmiseg::binding {
namespace {

// Random: tells our objects from everybody else's.
constexpr napi_type_tag kTaskTag = {0x83c5d20e6b1f47a9ULL, 0x4f9a0b76c3e1d258ULL};
constexpr int64_t kMaxGroup = (int64_t{1} << 31) - 1;

Error closed() { return Error(ErrorCode::kClosed, "The task is closed; define or load it again."); }

// With their embeddings, which stay alive with the job.
std::vector<engine::TaskExample> examples(const Napi::Value& value) {
  if (!value.IsArray()) throw Error(ErrorCode::kInvalidArg, "examples must be a list.");
  const Napi::Array from = value.As<Napi::Array>();
  std::vector<engine::TaskExample> out;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object item = object(from.Get(i), "an example");
    const auto embedding = NativeEmbedding::core_of(item.Get("embedding"));
    engine::TaskExample example;
    example.embedding = embedding->engine;
    example.mask = bytes(item.Get("mask"), "example.mask", embedding->height * embedding->width);
    example.group = integer(item.Get("group"), "example.group", 0, kMaxGroup);
    out.push_back(std::move(example));
  }
  return out;
}

struct DefineJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::vector<engine::TaskExample> examples;
  std::string options;
  std::shared_ptr<TaskCore> task;
  void run(const Progress& progress) override {
    task = std::make_shared<TaskCore>(session->engine->define_task(examples, options, progress));
  }
};

struct PredictTaskJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::shared_ptr<TaskCore> task;
  std::shared_ptr<EmbeddingCore> embedding;
  std::optional<engine::PromptBatch> prompts;
  engine::TaskOutput out;
  void run(const Progress& progress) override {
    session->engine->predict_task(*task->engine, *embedding->engine, prompts ? &*prompts : nullptr, out,
                                  progress);
  }
};

struct LeaveOneOutJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::vector<engine::TaskExample> examples;
  std::string candidates, result;
  void run(const Progress& progress) override {
    result = session->engine->leave_one_out(examples, candidates, progress);
  }
};

struct SaveTaskJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::shared_ptr<TaskCore> task;
  std::string extra, path;
  void run(const Progress& progress) override {
    session->engine->save_task(*task->engine, extra, path, progress);
  }
};

struct LoadTaskJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::string path;
  std::shared_ptr<TaskCore> task;
  std::string extra;
  void run(const Progress& progress) override {
    auto [loaded, json] = session->engine->load_task(path, progress);
    task = std::make_shared<TaskCore>(std::move(loaded));
    extra = std::move(json);
  }
};

}  // namespace

TaskCore::TaskCore(std::shared_ptr<engine::Task> task)
    : engine(std::move(task)),
      examples(engine->examples()),
      description(engine->describe_json()),
      bytes(engine->memory_bytes()) {}

Napi::Function NativeTask::define(Napi::Env env) {
  return DefineClass(
      env, "NativeTask",
      {InstanceMethod<&NativeTask::describe>("describe"), InstanceMethod<&NativeTask::close>("close")});
}

Napi::Object NativeTask::create(Napi::Env env, std::shared_ptr<TaskCore> core) {
  Instance& instance = Instance::of(env);
  instance.newborn_task = std::move(core);
  return instance.task_class.New({});
}

std::shared_ptr<TaskCore> NativeTask::core_of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTaskTag)) {
    throw Error(ErrorCode::kInvalidArg, "task must be what defineTask() or loadTask() resolved with.");
  }
  const NativeTask* task = Unwrap(value.As<Napi::Object>());
  if (!task->holding_->core()) throw closed();
  return task->holding_->core();
}

NativeTask::NativeTask(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  const std::shared_ptr<TaskCore> core = std::exchange(instance.newborn_task, nullptr);
  if (!core) throw Napi::TypeError::New(env, "NativeTask comes from defineTask(), not from its constructor.");
  Napi::Object self = info.This().As<Napi::Object>();
  self.TypeTag(&kTaskTag);
  // An own property, not an accessor: those do not check what they are called on.
  self.DefineProperty(Napi::PropertyDescriptor::Value(
      "examples", Napi::Number::New(env, static_cast<double>(core->examples)), napi_enumerable));
  holding_.emplace(env, instance.estate, core, core->bytes);
}

Napi::Value NativeTask::describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!holding_->core()) throw closed();
    return Napi::String::New(env, holding_->core()->description);
  });
}

void NativeTask::close(const Napi::CallbackInfo& info) { holding_->close(info.Env()); }

Napi::Value NativeTask::define_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session) {
  auto job = std::make_shared<DefineJob>();
  job->session = std::move(session);
  job->examples = examples(info[0]);
  job->options = text(info[1], "options");
  Request request;
  request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
    return create(env, std::move(job->task));
  };
  request.job = std::move(job);
  return Instance::of(info.Env()).submit(info.Env(), std::move(request));
}

Napi::Value NativeTask::predict_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session) {
  auto job = std::make_shared<PredictTaskJob>();
  job->session = std::move(session);
  job->task = core_of(info[0]);
  job->embedding = NativeEmbedding::core_of(info[1]);
  const Geometry geometry{job->embedding->height, job->embedding->width, job->embedding->low_res};
  if (!info[2].IsNull() && !info[2].IsUndefined()) job->prompts = prompts(info[2], geometry);
  const Napi::Object out = object(info[3], "out");
  job->out = task_output(out, geometry);
  Request request;
  // The arrays themselves, in case the caller empties the object.
  for (const char* name : {"probability", "spread"}) {
    const Napi::Value array = out.Get(name);
    if (array.IsObject()) request.keep.push_back(array.As<Napi::Object>());
  }
  request.result = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
  request.job = std::move(job);
  return Instance::of(info.Env()).submit(info.Env(), std::move(request));
}

Napi::Value NativeTask::leave_one_out(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session) {
  auto job = std::make_shared<LeaveOneOutJob>();
  job->session = std::move(session);
  job->examples = examples(info[0]);
  job->candidates = text(info[1], "candidates");
  Request request;
  request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
    return Napi::String::New(env, job->result);
  };
  request.job = std::move(job);
  return Instance::of(info.Env()).submit(info.Env(), std::move(request));
}

Napi::Value NativeTask::save_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session) {
  auto job = std::make_shared<SaveTaskJob>();
  job->session = std::move(session);
  job->task = core_of(info[0]);
  job->extra = text(info[1], "extra");
  job->path = text(info[2], "path");
  Request request;
  request.result = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
  request.job = std::move(job);
  return Instance::of(info.Env()).submit(info.Env(), std::move(request));
}

Napi::Value NativeTask::load_task(const Napi::CallbackInfo& info, std::shared_ptr<SessionCore> session) {
  auto job = std::make_shared<LoadTaskJob>();
  job->session = std::move(session);
  job->path = text(info[0], "path");
  Request request;
  request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("task", create(env, std::move(job->task)));
    result.Set("extraJson", job->extra);
    return result;
  };
  request.job = std::move(job);
  return Instance::of(info.Env()).submit(info.Env(), std::move(request));
}

}  // namespace gmiseg::binding
