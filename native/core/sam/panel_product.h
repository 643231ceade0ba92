// Small float32 matrix products in registers, for kernels that lay out their own operands: what LibTorch
// offers for that (brgemm) asks for AVX-512.
#pragma once

#include <cstdint>

namespace gmiseg::sam {

// Columns of a panel. A right-hand side is packed in panels of that many columns, each row by row.
constexpr int64_t kPanel = 16;
// Rows of the left-hand side that the kernel takes at a time: multiples of it waste nothing.
constexpr int64_t kPanelRows = 6;

// Whether the processor has AVX2 and FMA, for which the kernel is laid out. It runs everywhere.
bool has_panel_product();

// The left-hand side: entry (m, k) at data[m * row + k * step].
struct LeftSide {
  const float* data;
  int64_t row, step;
};

// Where entry (k, n) of a right-hand side of `rows` rows lies.
inline int64_t in_panels(int64_t k, int64_t n, int64_t rows) {
  return (n / kPanel * rows + k) * kPanel + n % kPanel;
}

// c [m, n] = a [m, k] times b, or c += that. b: an entry of the first of its panels, in a right-hand side of
// `rows` rows. Whole panels are written: c has room for n rounded up in every row.
void panel_product(int64_t m, int64_t n, int64_t k, const LeftSide& a, const float* b, int64_t rows, float* c,
                   int64_t ldc, bool add);

}  // namespace gmiseg::sam
