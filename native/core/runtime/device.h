// Which device to compute on; CPU and CUDA from one source.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace gmiseg::runtime {

// "auto" (CUDA where there is one, else the CPU), "cpu", "cuda", "cuda:N".
// Throws Error(kInvalidArg) for other names and Error(kDeviceUnavailable) with
// the remedy where the device is not there.
c10::Device resolve_device(const std::string& name);

// While it lives, products of float32 on CUDA are of operands rounded to TF32 (10 bits of mantissa), for the
// whole process. `on` false: nothing happens. Throws Error(kInvalidArg) for another device.
class RoundedProducts {
 public:
  RoundedProducts(c10::Device device, bool on);
  ~RoundedProducts();
  RoundedProducts(const RoundedProducts&) = delete;
  RoundedProducts& operator=(const RoundedProducts&) = delete;

 private:
  bool on_;
};

// Whether the device computes in bfloat16. Elsewhere LibTorch does so too, by converting number after number:
// on processors with AVX2 alone products are then six to sixteen times slower than in float32.
bool has_bfloat16(c10::Device device);

// Sets LibTorch's intra-op threads for the calling thread; 0 leaves them alone.
void use_threads(int threads);

}  // namespace gmiseg::runtime
