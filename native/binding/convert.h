// JavaScript values in and out. Inputs are copied here, on the JS thread, so
// that a caller who transfers or changes a buffer later does no harm; outputs
// are checked here and written by the lane. Whatever does not fit throws
// Error(kInvalidArg | kShape) that names the parameter.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/session.h"
#include "synth/synthesize.h"

namespace gmiseg::binding {

std::string text(const Napi::Value& value, const char* name);
int64_t integer(const Napi::Value& value, const char* name, int64_t low, int64_t high);
Napi::Object object(const Napi::Value& value, const char* name);
Napi::Function function(const Napi::Value& value, const char* name);

engine::LoadOptions load_options(const Napi::Value& value);

// A copy of a Uint8Array of that length.
std::vector<uint8_t> bytes(const Napi::Value& value, const char* name, int64_t length);

// Pixels that a job owns.
struct Image {
  std::vector<uint8_t> data;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  engine::ImageView view() const { return {data.data(), height, width, channels}; }
};
Image image(const Napi::Value& value);
engine::Look look(const Napi::Value& value);

// What prompts and outputs are measured against.
struct Geometry {
  int64_t height = 0;
  int64_t width = 0;
  int64_t low_res = 0;
};
engine::PromptBatch prompts(const Napi::Value& value, const Geometry& geometry);

// Pointers into the arrays of `value`, which the caller must keep referenced
// until the job has ended. `count` masks.
engine::PredictOutput predict_output(const Napi::Value& value, int64_t count, const Geometry& geometry);

// The same for a task's answer.
engine::TaskOutput task_output(const Napi::Value& value, const Geometry& geometry);

// As predict_output: points into the arrays of `out`.
synth::SynthesizeRequest synthesize_request(const Napi::Value& value, const Napi::Value& out);

}  // namespace gmiseg::binding
