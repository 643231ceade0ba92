// A range of subjects of one task, for the binding.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/progress.h"

namespace gmiseg::synth {

struct SynthesizeRequest {
  uint64_t seed = 0, task = 0, first = 0;
  int64_t size = 128, count = 0;
  // The caller's: [count, size, size, 3] bytes, of which tasks in grey use the first
  // third as [count, size, size, 1], and [count, size, size].
  uint8_t* images = nullptr;
  uint8_t* masks = nullptr;
};

// Fills the arrays and returns the task's traits as JSON:
// { family, aligned, channels, target, border, area, folded }.
std::string synthesize(const SynthesizeRequest& request, const Progress& progress);

}  // namespace gmiseg::synth
