// Counter-based random numbers (Philox 4x32-10): a draw depends on its seed and
// its name alone, never on what was drawn before, so a resumed run needs no state.
#pragma once

#include <ATen/core/PhiloxRNGEngine.h>

#include <cmath>
#include <cstdint>

namespace gmiseg::runtime {

class Rng {
 public:
  // stream, item: which of the independent sequences of this seed.
  Rng(uint64_t seed, uint64_t stream, uint64_t item)
      : engine_(seed, mix(stream * 0x9E3779B97F4A7C15ULL + item)) {}

  uint32_t next() { return engine_(); }
  // [0, 1)
  double uniform() {
    const auto high = static_cast<double>(next() >> 5);
    const auto low = static_cast<double>(next() >> 6);
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // 0 .. count - 1
  int64_t below(int64_t count) { return static_cast<int64_t>(uniform() * static_cast<double>(count)); }
  bool chance(double p) { return uniform() < p; }
  // A seed for one of LibTorch's generators.
  uint64_t seed() {
    const auto high = static_cast<uint64_t>(next());
    return (high << 32) | next();
  }

 private:
  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
  }
  at::philox_engine engine_;
};

}  // namespace gmiseg::runtime
