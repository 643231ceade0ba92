#include "sam/panel_product.h"

#include <algorithm>
#include <cstring>

#include "sam/cpu_levels.h"

namespace gmiseg::sam {

namespace {

constexpr int64_t kWide = 8;  // floats of an AVX2 register
static_assert(kPanel == 2 * kWide);
using Lanes = float __attribute__((vector_size(kWide * sizeof(float))));

// R rows by one panel: 2 R sums, two registers of b and one of a fit the sixteen there are.
template <int R>
[[gnu::always_inline]] inline void tile(int64_t k, const float* a, int64_t lda, const float* b, float* c,
                                        int64_t ldc, bool add) {
  Lanes left[R], right[R];
  for (int r = 0; r < R; ++r) {
    if (add) {
      std::memcpy(&left[r], c + r * ldc, sizeof(Lanes));
      std::memcpy(&right[r], c + r * ldc + kWide, sizeof(Lanes));
    } else {
      left[r] = right[r] = Lanes{};
    }
  }
  for (int64_t i = 0; i < k; ++i, b += kPanel) {
    Lanes b_left, b_right;
    std::memcpy(&b_left, b, sizeof(Lanes));
    std::memcpy(&b_right, b + kWide, sizeof(Lanes));
    for (int r = 0; r < R; ++r) {
      left[r] += a[r * lda + i] * b_left;
      right[r] += a[r * lda + i] * b_right;
    }
  }
  for (int r = 0; r < R; ++r) {
    std::memcpy(c + r * ldc, &left[r], sizeof(Lanes));
    std::memcpy(c + r * ldc + kWide, &right[r], sizeof(Lanes));
  }
}

}  // namespace

bool has_panel_product() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

GMISEG_FOR_EACH_LEVEL
void panel_product(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                   int64_t panel_stride, float* c, int64_t ldc, bool add) {
  static_assert(kPanelRows == 6);
  // A panel stays in the first cache while all rows pass.
  for (int64_t column = 0; column < n; column += kPanel, b += panel_stride) {
    for (int64_t row = 0; row < m; row += kPanelRows) {
      const float* from = a + row * lda;
      float* to = c + row * ldc + column;
      switch (std::min(kPanelRows, m - row)) {
        case 1:
          tile<1>(k, from, lda, b, to, ldc, add);
          break;
        case 2:
          tile<2>(k, from, lda, b, to, ldc, add);
          break;
        case 3:
          tile<3>(k, from, lda, b, to, ldc, add);
          break;
        case 4:
          tile<4>(k, from, lda, b, to, ldc, add);
          break;
        case 5:
          tile<5>(k, from, lda, b, to, ldc, add);
          break;
        default:
          tile<6>(k, from, lda, b, to, ldc, add);
      }
    }
  }
}

}  // namespace gmiseg::sam
