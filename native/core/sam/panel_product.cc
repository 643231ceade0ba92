#include "sam/panel_product.h"

#include <algorithm>

#include "sam/cpu_levels.h"
#include "sam/lanes.h"

namespace gmiseg::sam {

namespace {

static_assert(kPanel == 2 * kWide);

// R rows by one panel: 2 R sums, two registers of b and one of a fit the sixteen there are.
template <int R>
[[gnu::always_inline]] inline void tile(int64_t k, const LeftSide& a, const float* b, float* c, int64_t ldc,
                                        bool add) {
  Lanes left[R], right[R];
  for (int r = 0; r < R; ++r) {
    if (add) {
      load(left[r], c + r * ldc);
      load(right[r], c + r * ldc + kWide);
    } else {
      left[r] = right[r] = Lanes{};
    }
  }
  const float* column = a.data;
  for (int64_t i = 0; i < k; ++i, b += kPanel, column += a.step) {
    Lanes b_left, b_right;
    load(b_left, b);
    load(b_right, b + kWide);
    for (int r = 0; r < R; ++r) {
      left[r] += column[r * a.row] * b_left;
      right[r] += column[r * a.row] * b_right;
    }
  }
  for (int r = 0; r < R; ++r) {
    store(c + r * ldc, left[r]);
    store(c + r * ldc + kWide, right[r]);
  }
}

template <int R = kPanelRows>
[[gnu::always_inline]] inline void tile_of(int64_t rows, int64_t k, const LeftSide& a, const float* b,
                                           float* c, int64_t ldc, bool add) {
  if constexpr (R > 0) {
    if (rows == R) return tile<R>(k, a, b, c, ldc, add);
    tile_of<R - 1>(rows, k, a, b, c, ldc, add);
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
void panel_product(int64_t m, int64_t n, int64_t k, const LeftSide& a, const float* b, int64_t rows, float* c,
                   int64_t ldc, bool add) {
  // A panel stays in the first cache while all rows pass.
  for (int64_t column = 0; column < n; column += kPanel, b += rows * kPanel) {
    for (int64_t row = 0; row < m; row += kPanelRows) {
      tile_of(std::min(kPanelRows, m - row), k, {a.data + row * a.row, a.row, a.step}, b,
              c + row * ldc + column, ldc, add);
    }
  }
}

}  // namespace gmiseg::sam
