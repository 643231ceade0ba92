// What a task encoder is made of, as stored in a checkpoint's metadata.
#pragma once

#include <cstdint>
#include <vector>

namespace gmiseg::io {
class Json;
}

namespace gmiseg::support {

// The three scales that a task is described at, finest first: strides patch / 4,
// patch / 2 and patch of the encoder's input.
constexpr int64_t kScales = 3;

struct TaskEncoderConfig {
  int64_t heads = 4;                           // of all attentions
  int64_t latents = 24;                        // tokens that the support set is distilled into
  int64_t tokens = 4;                          // of them, made into sparse prompts of the mask decoder
  int64_t blocks = 2;                          // cross-attention blocks of a query
  int64_t joint = 3;                           // self-attention blocks over what a query has read
  std::vector<int64_t> bins = {32, 48, 64};    // soft-histogram bins a scale
  std::vector<int64_t> values = {8, 12, 16};   // mask-conditioned channels a scale
  std::vector<int64_t> ridge = {24, 32, 48};   // features of the closed-form classifier a scale
  std::vector<int64_t> widths = {32, 64, 96};  // channels of the dense decoder a scale
  // Channels of an own stem at the two finer strides, for a SAM that has none.
  std::vector<int64_t> side_stem;
  // Sides of the encoder's input that it has been trained at, rising; empty = the model's own alone.
  std::vector<int64_t> sizes;

  // Throws Error(kInvalidArg) naming the key.
  static TaskEncoderConfig from_json(const io::Json& json);
  io::Json to_json() const;
};

}  // namespace gmiseg::support
