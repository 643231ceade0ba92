// Where the fused attention finds its tokens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sam/lanes.h"

namespace gmiseg::sam {

// Sizes of a call. A unit of work is one head of one window; the whole grid is one window where attention is
// global.
struct AttentionGrid {
  // window: tokens a side, 0 = the whole grid
  AttentionGrid(int64_t batch, int64_t height, int64_t width, int64_t heads, int64_t d, int64_t window)
      : height(height),
        width(width),
        window_h(window > 0 ? window : height),
        window_w(window > 0 ? window : width),
        down((height + window_h - 1) / window_h),
        across((width + window_w - 1) / window_w),
        heads(heads),
        d(d),
        units(batch * down * across * heads) {}

  int64_t keys() const { return window_h * window_w; }
  // Columns that the reversed table of n tokens a side takes.
  static int64_t table_ld(int64_t n) { return round_up(2 * n - 1, kLanes); }

  const int64_t height, width;  // of the grid
  const int64_t window_h, window_w;
  const int64_t down, across;  // windows
  const int64_t heads, d;
  const int64_t units;
};

// One unit's window and head.
struct AttentionUnit {
  AttentionUnit(const AttentionGrid& grid, int64_t unit) : grid(grid), head(unit % grid.heads) {
    const int64_t place = unit / grid.heads;
    const int64_t left = place % grid.across * grid.window_w,
                  top = place / grid.across % grid.down * grid.window_h,
                  batch = place / (grid.across * grid.down);
    first = (batch * grid.height + top) * grid.width + left;
    rows = std::min(grid.window_h, grid.height - top);
    columns = std::min(grid.window_w, grid.width - left);
  }

  // Whether a place of the window lies on the grid. What does not is padding: a key, but no query.
  bool real(int64_t y, int64_t x) const { return y < rows && x < columns; }
  int64_t token(int64_t y, int64_t x) const { return first + y * grid.width + x; }
  // In a tensor [tokens, heads * d], and in one [tokens, 3 * heads * d] or its padding.
  int64_t in_heads(int64_t y, int64_t x) const { return (token(y, x) * grid.heads + head) * grid.d; }
  int64_t channel(int64_t which) const { return (which * grid.heads + head) * grid.d; }
  int64_t in_qkv(int64_t y, int64_t x, int64_t which) const {
    return token(y, x) * 3 * grid.heads * grid.d + channel(which);
  }

  const AttentionGrid& grid;
  const int64_t head;
  int64_t first, rows, columns;  // token of the window's first place; places that lie on the grid
};

}  // namespace gmiseg::sam
