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
void panel_product(int64_t m, int64_t n, int64_t k, const LeftSide& a, const float* b, int64_t panel_stride,
                   float* c, int64_t ldc, bool add) {
  static_assert(kPanelRows == 6);
  // A panel stays in the first cache while all rows pass.
  for (int64_t column = 0; column < n; column += kPanel, b += panel_stride) {
    for (int64_t row = 0; row < m; row += kPanelRows) {
      const LeftSide from{a.data + row * a.row, a.row, a.step};
      float* to = c + row * ldc + column;
      switch (std::min(kPanelRows, m - row)) {
        case 1:
          tile<1>(k, from, b, to, ldc, add);
          break;
        case 2:
          tile<2>(k, from, b, to, ldc, add);
          break;
        case 3:
          tile<3>(k, from, b, to, ldc, add);
          break;
        case 4:
          tile<4>(k, from, b, to, ldc, add);
          break;
        case 5:
          tile<5>(k, from, b, to, ldc, add);
          break;
        default:
          tile<6>(k, from, b, to, ldc, add);
      }
    }
  }
}

}  // namespace gmiseg::sam
