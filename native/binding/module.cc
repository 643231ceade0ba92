// gmiseg.node: types/native.d.ts is the contract.
#include <napi.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "engine/session.h"
#include "errors.h"
#include "instance.h"
#include "metrics.h"
#include "session.h"

namespace gmiseg::binding {
namespace {

// A job of one call that gives a text.
struct TextJob final : Job {
  std::function<std::string(const Progress&)> call;
  std::string text;
  void run(const Progress& progress) override { text = call(progress); }
};

Napi::Object submit_text(Napi::Env env, std::function<std::string(const Progress&)> call,
                         std::vector<Napi::Object> keep = {}) {
  auto job = std::make_shared<TextJob>();
  job->call = std::move(call);
  Request request;
  request.result = [job = job.get()](Napi::Env env) -> Napi::Value {
    return Napi::String::New(env, job->text);
  };
  request.job = std::move(job);
  request.keep = std::move(keep);
  return Instance::of(env).submit(env, std::move(request));
}

Napi::Value runtime_info(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), engine::runtime_info_json());
}

Napi::Value inspect_checkpoint(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Instance::of(env).start(env, [&] {
    return submit_text(env, [path = text(info[0], "path")](const Progress& progress) {
      return engine::inspect_checkpoint(path, progress);
    });
  });
}

Napi::Value parity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Instance::of(env).start(env, [&] {
    return submit_text(env, [folder = text(info[0], "folder"), suite = text(info[1], "suite"),
                             device = text(info[2], "device")](const Progress& progress) {
      return engine::run_parity(folder, suite, device, progress);
    });
  });
}

Napi::Value synthesize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Instance::of(env).start(env, [&] {
    const auto request = synthesize_request(info[0], info[1]);
    // The arrays themselves, in case the caller empties the object.
    const Napi::Object out = info[1].As<Napi::Object>();
    return submit_text(env,
                       [request](const Progress& progress) { return synth::synthesize(request, progress); },
                       {out.Get("images").As<Napi::Object>(), out.Get("masks").As<Napi::Object>()});
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Instance(env));
  exports.Set("version", GMISEG_VERSION);
  exports.Set("runtimeInfo", Napi::Function::New(env, runtime_info, "runtimeInfo"));
  exports.Set("errorCodes",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { return error_codes(info.Env()); }, "errorCodes"));
  exports.Set("load", Napi::Function::New(env, NativeSession::load, "load"));
  exports.Set("inspectCheckpoint", Napi::Function::New(env, inspect_checkpoint, "inspectCheckpoint"));
  exports.Set("parity", Napi::Function::New(env, parity, "parity"));
  exports.Set("synthesize", Napi::Function::New(env, synthesize, "synthesize"));
  exports.Set("evaluate", Napi::Function::New(env, evaluate, "evaluate"));
  exports.Set("distanceTransform", Napi::Function::New(env, distance_transform, "distanceTransform"));
  return exports;
}

}  // namespace

NODE_API_MODULE(gmiseg, init)

}  // namespace gmiseg::binding
