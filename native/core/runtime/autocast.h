// Mixed precision for a scope, on CPU and CUDA alike.
#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

namespace gmiseg::runtime {

struct AutocastState {
  bool enabled = false;
  c10::ScalarType dtype = c10::ScalarType::BFloat16;
};

AutocastState current_autocast(c10::DeviceType device);

// Sets autocast for this thread and device and puts the old state back. The
// cache of cast weights is off inside: a cast made without gradients (as in a
// checkpointed forward pass) must not be found again by the backward pass.
class Autocast {
 public:
  Autocast(c10::DeviceType device, AutocastState state);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType device_;
  AutocastState before_;
  bool cache_before_;
};

}  // namespace gmiseg::runtime
