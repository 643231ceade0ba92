// Which baseline, and what it is made of. The keys of its JSON are these names, `method` first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"

namespace gmiseg::baselines {

struct Config {
  std::string method;        // "universeg" | "neuralizer" | "cyclegan" | "unet"
  int64_t image_size = 128;  // pixels a side, whatever the picture's shape

  // "universeg", "unet": channels a stage, finest first.
  std::vector<int64_t> widths;

  // "neuralizer", "cyclegan" (of the first layer): channels.
  int64_t width = 64;
  // "neuralizer"
  int64_t stages = 4;
  int64_t convs = 2;  // convolutions a residual unit
  // What makes a probability of its answer: "sigmoid", or "none" as in the published weights, whose raw
  // values mean the mask where they are above one half.
  std::string activation = "sigmoid";

  // "cyclegan"
  int64_t blocks = 6;  // residual blocks of a generator: 6 below 256 pixels, else 9
  // "C1": trained on one task, pictures and masks unpaired; "C2": the same, paired; "C3": trained once on
  // all tasks, unpaired, and applied unchanged.
  std::string variant = "C3";

  // The published configuration of a method. Throws Error(kInvalidArg) for other names.
  static Config named(const std::string& method);
  // Throws Error(kInvalidArg) naming the key that is unknown or makes no sense.
  static Config from_json(const io::Json& json);
  // The keys that the method has.
  io::Json to_json() const;
  // With another input size: the blocks of a CycleGAN follow unless they were named.
  Config resized(int64_t size) const;
};

// Whether this is what Config reads: a method's name, or JSON text with the key "method".
bool is_baseline(const std::string& config);

}  // namespace gmiseg::baselines
