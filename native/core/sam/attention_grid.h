// Where the fused attention finds its tokens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

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
  // Grid rows of keys to work on at a time: some `about` keys, a multiple of `together` or all of them.
  int64_t rows_together(int64_t about, int64_t together) const {
    const int64_t step = together / std::gcd(window_w, together);
    return std::min(round_up(std::max<int64_t>(1, about / window_w), step), window_h);
  }
  // Columns that the reversed table of n tokens a side takes.
  static int64_t table_ld(int64_t n) { return round_up(2 * n - 1, kLanes); }

  const int64_t height, width;  // of the grid
  const int64_t window_h, window_w;
  const int64_t down, across;  // windows
  const int64_t heads, d;
  const int64_t units;
};

// Places of a window, (y, x).
using Places = std::vector<std::pair<int64_t, int64_t>>;

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

  // Of a token's query, key or value (which: 0, 1, 2): what the grid holds there, or the padding.
  template <typename T>
  const T* part(const T* qkv, const T* padding, int64_t y, int64_t x, int64_t which) const {
    return real(y, x) ? qkv + in_qkv(y, x, which) : padding + channel(which);
  }

  // use(places) for all real places row by row, `most` at a time.
  template <typename Use>
  void in_blocks(int64_t most, const Use& use) const {
    Places block;
    for (int64_t y = 0; y < rows; ++y) {
      for (int64_t x = 0; x < columns; ++x) {
        block.emplace_back(y, x);
        const bool last = y + 1 == rows && x + 1 == columns;
        if (!last && static_cast<int64_t>(block.size()) < most) continue;
        use(block);
        block.clear();
      }
    }
  }

  const AttentionGrid& grid;
  const int64_t head;
  int64_t first, rows, columns;  // token of the window's first place; places that lie on the grid
};

}  // namespace gmiseg::sam
