// Holds the engine against reference values: what `gmiseg` computes on this
// machine beside what the reference implementation computed.
#pragma once

#include <string>
#include <vector>

#include "runtime/progress.h"

namespace gmiseg::parity {

struct Row {
  std::string name;
  std::string kind;  // "values" | "masks" | "gradient" | "grey levels"
  double max_diff =
      0;             // values: max |a - b|; masks: share of unequal pixels; gradient: max |a - b| / max |b|
  double scale = 0;  // max |b|
  double tolerance = 0;  // what max_diff may be
  bool pass = false;
};

// suite: "sam-tiny" | "lora" | "pooled" | "attention" | "losses" | "resize" | "universeg" | "neuralizer" |
// "sam-vit_b" | "sam-vit_l". `folder` holds the fixtures. device: as of load options. Throws
// Error(kInvalidArg) for other suites, Error(kDeviceUnavailable).
std::vector<Row> run(const std::string& folder, const std::string& suite, const std::string& device,
                     const Progress& progress);

}  // namespace gmiseg::parity
