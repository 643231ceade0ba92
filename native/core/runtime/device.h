// Which device to compute on; CPU and CUDA from one source.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace gmiseg::runtime {

// "auto" (CUDA where there is one, else the CPU), "cpu", "cuda", "cuda:N".
// Throws Error(kInvalidArg) for other names and Error(kDeviceUnavailable) with
// the remedy where the device is not there.
c10::Device resolve_device(const std::string& name);

// Sets LibTorch's intra-op threads for the calling thread; 0 leaves them alone.
void use_threads(int threads);

}  // namespace gmiseg::runtime
