// Counter-based random numbers: the n-th draw of a stream is a hash of the
// stream's key and n, so nothing depends on what other streams have drawn.
#pragma once

#include <cmath>
#include <cstdint>

namespace gmiseg::synth {

class Rng {
 public:
  explicit Rng(uint64_t key) : key_(key) {}
  // The stream with this name below this one. Does not move this one.
  Rng fork(uint64_t name) const { return Rng(mix(key_ ^ mix(name * kStep + 0x632BE59BD9B4E019ULL))); }

  uint64_t next() { return mix(key_ + kStep * ++drawn_); }
  // [0, 1)
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  // Uniform in the logarithm; both above 0.
  float log_uniform(float low, float high) { return low * std::exp(uniform() * std::log(high / low)); }
  // 0 .. count - 1
  int below(int count) { return static_cast<int>(uniform() * static_cast<float>(count)); }
  // low .. high, both included
  int between(int low, int high) { return low + below(high - low + 1); }
  bool chance(float p) { return uniform() < p; }
  float sign() { return chance(0.5F) ? 1.0F : -1.0F; }
  // Mean 0, deviation 1, never beyond 3.47: the sum of four uniform draws.
  float normal() { return gauss(next()); }
  static float gauss(uint64_t bits) {
    const auto sum = static_cast<int32_t>((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) +
                                          ((bits >> 32) & 0xFFFF) + (bits >> 48));
    return static_cast<float>(sum - 131070) * (1.7320508F / 65536.0F);
  }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15ULL;
  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
  }
  uint64_t key_, drawn_ = 0;
};

}  // namespace gmiseg::synth
