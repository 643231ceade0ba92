#include "session.h"

#include <utility>

#include "convert.h"
#include "embedding.h"
#include "errors.h"
#include "instance.h"
#include "job.h"
#include "report_queue.h"
#include "task.h"

namespace gmiseg::binding {
namespace {

// Random: tells our objects from everybody else's.
constexpr napi_type_tag kSessionTag = {0x1d5a8c3e47f2409bULL, 0x9e60b7d1f4832c5aULL};

struct LoadJob final : Job {
  engine::LoadOptions options;
  bool wants_stages = false;
  StageQueue stages;
  std::shared_ptr<SessionCore> loaded;

  void run(const Progress& progress) override {
    Progress reporting = progress;
    if (wants_stages) {
      reporting.on_progress = [this](const std::string& stage, double fraction) {
        stages.push(stage, fraction);
        notify();
      };
    }
    loaded = std::make_shared<SessionCore>(engine::load(options, reporting));
  }
};

struct EncodeJob final : Job {
  std::shared_ptr<SessionCore> session;
  Image image;
  engine::Look look;
  std::shared_ptr<EmbeddingCore> embedding;

  void run(const Progress& progress) override {
    embedding = std::make_shared<EmbeddingCore>(session->engine->encode(image.view(), look, progress));
  }
};

struct PredictJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::shared_ptr<EmbeddingCore> embedding;
  engine::PromptBatch prompts;
  engine::PredictOptions options;
  engine::PredictOutput out;

  void run(const Progress& progress) override {
    session->engine->predict(*embedding->engine, prompts, options, out, progress);
  }
};

struct TrainJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::string options;
  // Shared with take(), which must not keep the session alive as the job does.
  const std::shared_ptr<ReportQueue> reports = std::make_shared<ReportQueue>();
  std::string summary;

  void run(const Progress& progress) override {
    summary = session->engine->train(
        options,
        [this](const std::string& line) {
          reports->push(line);
          notify();
        },
        progress);
    session->refresh();
  }
};

struct SaveJob final : Job {
  std::shared_ptr<SessionCore> session;
  std::string path;
  std::string what;

  void run(const Progress& progress) override {
    session->engine->save(path, what, progress);
    session->refresh();
  }
};

Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

// { lines, dropped }
Napi::Value taken(Napi::Env env, ReportQueue& reports) {
  const ReportQueue::Batch batch = reports.take();
  Napi::Array lines = Napi::Array::New(env, batch.lines.size());
  uint32_t index = 0;
  for (const std::string& line : batch.lines) lines.Set(index++, line);
  Napi::Object result = Napi::Object::New(env);
  result.Set("lines", lines);
  result.Set("dropped", static_cast<double>(batch.dropped));
  return result;
}

}  // namespace

SessionCore::SessionCore(std::shared_ptr<engine::Session> session)
    : engine(std::move(session)), low_res(engine->low_res_size()), bytes(engine->memory_bytes()) {
  refresh();
}

void SessionCore::refresh() {
  std::string info = engine->info_json();
  const std::lock_guard<std::mutex> lock(mutex_);
  info_ = std::move(info);
}

std::string SessionCore::info() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return info_;
}

template <Napi::Value (*Call)(const Napi::CallbackInfo&, std::shared_ptr<SessionCore>)>
Napi::Value NativeSession::about_tasks(const Napi::CallbackInfo& info) {
  return Instance::of(info.Env()).start(info.Env(), [&] { return Call(info, core()).As<Napi::Object>(); });
}

Napi::Function NativeSession::define(Napi::Env env) {
  return DefineClass(
      env, "NativeSession",
      {InstanceMethod<&NativeSession::info>("info"), InstanceMethod<&NativeSession::encode>("encode"),
       InstanceMethod<&NativeSession::predict>("predict"), InstanceMethod<&NativeSession::train>("train"),
       InstanceMethod<&NativeSession::about_tasks<&NativeTask::define_task>>("defineTask"),
       InstanceMethod<&NativeSession::about_tasks<&NativeTask::predict_task>>("predictTask"),
       InstanceMethod<&NativeSession::about_tasks<&NativeTask::leave_one_out>>("leaveOneOut"),
       InstanceMethod<&NativeSession::about_tasks<&NativeTask::save_task>>("saveTask"),
       InstanceMethod<&NativeSession::about_tasks<&NativeTask::load_task>>("loadTask"),
       InstanceMethod<&NativeSession::save>("save"), InstanceMethod<&NativeSession::close>("close")});
}

Napi::Object NativeSession::create(Napi::Env env, std::shared_ptr<SessionCore> core) {
  Instance& instance = Instance::of(env);
  instance.newborn_session = std::move(core);
  return instance.session_class.New({});
}

NativeSession::NativeSession(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  const std::shared_ptr<SessionCore> core = std::exchange(instance.newborn_session, nullptr);
  if (!core) throw Napi::TypeError::New(env, "NativeSession comes from load(), not from its constructor.");
  Napi::Object self = info.This().As<Napi::Object>();
  self.TypeTag(&kSessionTag);
  // An own property, not an accessor: those do not check what they are called on.
  self.DefineProperty(Napi::PropertyDescriptor::Value(
      "lowResSize", Napi::Number::New(env, static_cast<double>(core->low_res)), napi_enumerable));
  holding_.emplace(env, instance.estate, core, core->bytes);
}

std::shared_ptr<SessionCore> NativeSession::core() const {
  if (!holding_->core()) throw Error(ErrorCode::kClosed, "The segmenter is closed; load it again.");
  return holding_->core();
}

Napi::Value NativeSession::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  return instance.start(env, [&] {
    auto job = std::make_shared<LoadJob>();
    job->options = load_options(info[0]);
    Request request;
    if (!info[1].IsUndefined() && !info[1].IsNull()) {
      job->wants_stages = true;
      request.callback = function(info[1], "onProgress");
      request.deliver = [job = job.get()](Napi::Env env, const Napi::Function& callback) {
        for (const auto& [stage, fraction] : job->stages.take()) {
          const Napi::HandleScope scope(env);
          callback.Call({Napi::String::New(env, stage), Napi::Number::New(env, fraction)});
        }
      };
    }
    request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
      return create(env, std::move(job->loaded));
    };
    request.job = std::move(job);
    return instance.submit(env, std::move(request));
  });
}

Napi::Value NativeSession::info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value { return Napi::String::New(env, core()->info()); });
}

Napi::Value NativeSession::encode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  return instance.start(env, [&] {
    auto job = std::make_shared<EncodeJob>();
    job->session = core();
    job->image = image(info[0]);
    if (!info[1].IsUndefined()) job->look = look(info[1]);
    Request request;
    request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
      return NativeEmbedding::create(env, std::move(job->embedding));
    };
    request.job = std::move(job);
    return instance.submit(env, std::move(request));
  });
}

Napi::Value NativeSession::predict(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  return instance.start(env, [&] {
    auto job = std::make_shared<PredictJob>();
    job->session = core();
    job->embedding = NativeEmbedding::core_of(info[0]);
    const Geometry geometry{job->embedding->height, job->embedding->width, job->embedding->low_res};
    job->prompts = prompts(info[1], geometry);
    job->options.multimask = object(info[2], "options").Get("multimask").ToBoolean();
    const Napi::Object out = object(info[3], "out");
    job->out = predict_output(out, job->prompts.rows * (job->options.multimask ? 3 : 1), geometry);
    Request request;
    // The arrays themselves, in case the caller empties the object.
    for (const char* name : {"masks", "scores", "stability", "lowRes", "logits"}) {
      const Napi::Value array = out.Get(name);
      if (array.IsObject()) request.keep.push_back(array.As<Napi::Object>());
    }
    request.result = undefined;
    request.job = std::move(job);
    return instance.submit(env, std::move(request));
  });
}

Napi::Value NativeSession::train(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  auto job = std::make_shared<TrainJob>();
  const Napi::Value handle = instance.start(env, [&] {
    job->session = core();
    job->options = text(info[0], "options");
    Request request;
    request.callback = function(info[1], "onReports");
    request.deliver = [](Napi::Env, const Napi::Function& callback) { callback.Call({}); };
    request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
      return Napi::String::New(env, job->summary);
    };
    request.job = job;
    return instance.submit(env, std::move(request));
  });
  // Outlives the job: the last reports are taken after the promise has settled.
  const auto take = [reports = job->reports](const Napi::CallbackInfo& info) {
    return taken(info.Env(), *reports);
  };
  handle.As<Napi::Object>().Set("take", Napi::Function::New(env, take, "take"));
  return handle;
}

Napi::Value NativeSession::save(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Instance& instance = Instance::of(env);
  return instance.start(env, [&] {
    auto job = std::make_shared<SaveJob>();
    job->session = core();
    job->path = text(info[0], "path");
    job->what = text(info[1], "what");
    Request request;
    request.result = undefined;
    request.job = std::move(job);
    return instance.submit(env, std::move(request));
  });
}

void NativeSession::close(const Napi::CallbackInfo& info) { holding_->close(info.Env()); }

}  // namespace gmiseg::binding
