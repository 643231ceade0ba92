// Arithmetic on a few floats at a time, for functions that are compiled for several levels (cpu_levels.h).
#pragma once

#include <cstdint>
#include <cstring>

namespace gmiseg::sam {

// What rows of kernels' buffers are rounded up to.
constexpr int64_t kLanes = 16;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Said by vectors, as compilers do not see by themselves that these loops can be. Longer ones than AVX2 has
// would be taken apart into single numbers.
constexpr int64_t kWide = 8;
using Lanes = float __attribute__((vector_size(kWide * sizeof(float))));
using Whole = int32_t __attribute__((vector_size(kWide * sizeof(int32_t))));

[[gnu::always_inline]] inline void load(Lanes& to, const float* from) {
  std::memcpy(&to, from, sizeof(Lanes));
}
[[gnu::always_inline]] inline void store(float* to, const Lanes& from) {
  std::memcpy(to, &from, sizeof(Lanes));
}
[[gnu::always_inline]] inline float sum_of(const Lanes& x) {
  float sum = 0;
  for (int64_t lane = 0; lane < kWide; ++lane) sum += x[lane];
  return sum;
}
[[gnu::always_inline]] inline void raise(Lanes& x, const Lanes& to) { x = x < to ? to : x; }

// x = exp(x), x <= 0, relative error below 2e-7; flushed to 0 under -87.
[[gnu::always_inline]] inline void quick_exp(Lanes& x) {
  constexpr float kRounding = 12582912.0F;  // 1.5 * 2^23: adding and subtracting it rounds to whole numbers
  raise(x, Lanes{} - 87.0F);
  const Lanes n = (x * 1.44269504088896341F + kRounding) - kRounding;
  const Lanes r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Lanes p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  Whole bits;
  std::memcpy(&bits, &p, sizeof(bits));
  bits += __builtin_convertvector(n, Whole) << 23;
  std::memcpy(&x, &bits, sizeof(bits));
}

}  // namespace gmiseg::sam
