#include "sam/fused_attention.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

// One build runs on every x86-64: the loops below are compiled for each level and chosen at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GMISEG_FOR_EACH_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GMISEG_FOR_EACH_LEVEL
#endif

namespace gmiseg::sam {

namespace {

namespace blas = at::native::cpublas;

constexpr int64_t kLanes = 16;
constexpr int64_t kQueries = 64;  // of a block
constexpr int64_t kKeys = 512;    // about as many keys at a time: a block of scores stays in the second cache

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// exp of x <= 0, relative error below 2e-7; flushed to 0 under -87.
inline float quick_exp(float x) {
  x = std::max(x, -87.0F);
  const float n = std::nearbyint(x * 1.44269504088896341F);
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return std::bit_cast<float>(std::bit_cast<int32_t>(p) + (static_cast<int32_t>(n) << 23));
}

// Scores of one query over `rows` grid rows of `width` keys: scores * scale + bias, then the running softmax.
// `logits` has room for rows * width rounded up, and kLanes more; `weights` for as many without the last
// kLanes. Returns the factor that what was summed before shrinks by.
GMISEG_FOR_EACH_LEVEL
float soften(const float* scores, const float* bias_h, const float* bias_w, int64_t rows, int64_t width,
             float scale, float* logits, float* weights, float* highest, float* sum) {
  // Whole lanes: what runs over a row's end is overwritten by the next row.
  for (int64_t row = 0; row < rows; ++row) {
    const float up = bias_h[row];
    const float* from = scores + row * width;
    float* to = logits + row * width;
    for (int64_t c = 0; c < width; c += kLanes) {
#pragma GCC unroll 16
      for (int64_t lane = 0; lane < kLanes; ++lane)
        to[c + lane] = from[c + lane] * scale + (up + bias_w[c + lane]);
    }
  }
  const int64_t count = rows * width, padded = round_up(count, kLanes);
  for (int64_t i = count; i < padded; ++i) logits[i] = -std::numeric_limits<float>::infinity();
  float best[kLanes], total[kLanes] = {};
  std::fill(best, best + kLanes, *highest);
  for (int64_t i = 0; i < padded; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) best[lane] = std::max(best[lane], logits[i + lane]);
  }
  const float now = *std::max_element(best, best + kLanes);
  for (int64_t i = 0; i < padded; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float w = quick_exp(logits[i + lane] - now);
      weights[i + lane] = w;
      total[lane] += w;
    }
  }
  // The padding's weights of e^-87 count for nothing, but the products must not see them.
  for (int64_t i = count; i < padded; ++i) weights[i] = 0;
  const float shrink = *highest == -std::numeric_limits<float>::infinity() ? 0 : quick_exp(*highest - now);
  float all = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) all += total[lane];
  *sum = *sum * shrink + all;
  *highest = now;
  return shrink;
}

GMISEG_FOR_EACH_LEVEL
void scale_row(float* x, int64_t n, float by) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by;
}

// To the nearest, ties to even. No number here is infinite or none.
inline uint16_t rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}
GMISEG_FOR_EACH_LEVEL
void scale_to_bfloat16(const float* x, int64_t n, float by, uint16_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = rounded(x[i] * by);
}
GMISEG_FOR_EACH_LEVEL
void scale_to_float(const float* x, int64_t n, float by, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * by;
}

// How the right-hand sides of products lie in memory: float32 row by row, bfloat16 in pairs of rows.
template <typename T>
struct Layout;
template <>
struct Layout<float> {
  static constexpr int64_t kRows = 1;
  static int64_t at(int64_t k, int64_t n, int64_t ld) { return k * ld + n; }
  static void write(const float* x, int64_t n, float by, float* out) { scale_to_float(x, n, by, out); }
};
template <>
struct Layout<at::BFloat16> {
  static constexpr int64_t kRows = 2;
  static int64_t at(int64_t k, int64_t n, int64_t ld) { return (k / 2 * ld + n) * 2 + k % 2; }
  static void write(const float* x, int64_t n, float by, at::BFloat16* out) {
    scale_to_bfloat16(x, n, by, reinterpret_cast<uint16_t*>(out));
  }
};

template <typename T>
void product(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb, float* c,
             int64_t ldc, bool add) {
  blas::brgemm(m, n, k, lda, ldb, ldc, add, a, b, c, Layout<T>::kRows == 2);
}

// Sizes of a call.
struct Shape {
  int64_t height, width;  // the grid
  int64_t window_h, window_w;
  int64_t down, across;  // windows
  int64_t heads, d;
  int64_t keys() const { return window_h * window_w; }
};

// Columns that the table of n tokens a side takes.
int64_t table_ld(int64_t n) { return round_up(2 * n - 1, kLanes); }

// [2 n - 1, d] -> its rows in reverse as columns: entry (c, j) belongs to the offset n - 1 - j of query to
// key.
template <typename T>
std::vector<T> reversed(const at::Tensor& table, int64_t ld) {
  const auto values = table.contiguous();
  const T* from = values.const_data_ptr<T>();
  const int64_t rows = table.size(0), d = table.size(1);
  std::vector<T> out(static_cast<size_t>(ld * d), T(0.0F));
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < d; ++c)
      out[static_cast<size_t>(Layout<T>::at(c, j, ld))] = from[(rows - 1 - j) * d + c];
  }
  return out;
}

// One thread's buffers.
template <typename T>
struct Scratch {
  explicit Scratch(const Shape& s)
      : key_ld(round_up(s.keys(), kLanes)),
        block_rows(rows_of(s)),
        score_ld(round_up(block_rows * s.window_w, kLanes) + kLanes),
        keys(size(key_ld * s.d)),
        values(size(round_up(s.keys(), 2) * s.d)),
        queries(size(kQueries * s.d)),
        weights(size(kQueries * score_ld)),
        scores(size(kQueries * score_ld)),
        logits(size(score_ld + kLanes)),
        soft(size(std::max(score_ld + kLanes, kQueries))),
        sums(size(kQueries * s.d)),
        bias_h(size(kQueries * table_ld(s.window_h) + kLanes)),
        bias_w(size(kQueries * table_ld(s.window_w) + kLanes)) {}
  static size_t size(int64_t n) { return static_cast<size_t>(n); }
  // Grid rows of keys at a time. Pairs of keys stay together.
  static int64_t rows_of(const Shape& s) {
    const int64_t rows = std::max<int64_t>(1, kKeys / s.window_w);
    if (rows >= s.window_h) return s.window_h;
    return s.window_w % 2 == 0 ? rows : round_up(rows, 2);
  }

  const int64_t key_ld, block_rows, score_ld;
  std::vector<T> keys, values, queries, weights;
  std::vector<float> scores, logits, soft, sums, bias_h, bias_w;
};

template <typename T>
class Kernel {
 public:
  Kernel(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
         const at::Tensor& table_w, const Shape& shape, at::Tensor& out)
      : shape_(shape),
        from_(qkv.const_data_ptr<T>()),
        padding_(padding),
        pad_(padding_.const_data_ptr<T>()),
        to_(out.mutable_data_ptr<T>()),
        ld_h_(table_ld(shape.window_h)),
        ld_w_(table_ld(shape.window_w)),
        table_h_(reversed<T>(table_h, ld_h_)),
        table_w_(reversed<T>(table_w, ld_w_)),
        scale_(1.0F / std::sqrt(static_cast<float>(shape.d))) {}

  // One head of one window.
  void run(int64_t unit, Scratch<T>& own) const {
    const auto& s = shape_;
    const int64_t head = unit % s.heads, place = unit / s.heads;
    const int64_t column = place % s.across * s.window_w, row = place / s.across % s.down * s.window_h;
    const int64_t batch = place / (s.across * s.down);
    const int64_t rows = std::min(s.window_h, s.height - row),
                  columns = std::min(s.window_w, s.width - column);
    const int64_t dim = s.heads * s.d;
    const auto token = [&](int64_t y, int64_t x) {
      return ((batch * s.height + row + y) * s.width + column + x);
    };
    const auto part = [&](int64_t y, int64_t x, int64_t which) {
      const int64_t channel = which * dim + head * s.d;
      return y < rows && x < columns ? from_ + token(y, x) * 3 * dim + channel : pad_ + channel;
    };
    pack(own, part);
    // Blocks of real queries, window row by window row.
    std::vector<std::pair<int64_t, int64_t>> block;
    const auto flush = [&] {
      if (block.empty()) return;
      for (size_t i = 0; i < block.size(); ++i) {
        std::memcpy(own.queries.data() + static_cast<int64_t>(i) * s.d,
                    part(block[i].first, block[i].second, 0), sizeof(T) * static_cast<size_t>(s.d));
      }
      answer(own, block);
      for (size_t i = 0; i < block.size(); ++i) {
        Layout<T>::write(own.sums.data() + static_cast<int64_t>(i) * s.d, s.d, 1 / own.soft[i],
                         to_ + token(block[i].first, block[i].second) * dim + head * s.d);
      }
      block.clear();
    };
    for (int64_t y = 0; y < rows; ++y) {
      for (int64_t x = 0; x < columns; ++x) {
        block.emplace_back(y, x);
        if (static_cast<int64_t>(block.size()) == kQueries) flush();
      }
    }
    flush();
  }

 private:
  template <typename Part>
  void pack(Scratch<T>& own, const Part& part) const {
    const auto& s = shape_;
    for (int64_t y = 0, t = 0; y < s.window_h; ++y) {
      for (int64_t x = 0; x < s.window_w; ++x, ++t) {
        const T *k = part(y, x, 1), *v = part(y, x, 2);
        for (int64_t c = 0; c < s.d; ++c) own.keys[index(Layout<T>::at(c, t, own.key_ld))] = k[c];
        for (int64_t c = 0; c < s.d; ++c) own.values[index(Layout<T>::at(t, c, s.d))] = v[c];
      }
    }
  }

  // own.queries -> own.sums, not yet divided by what is left in own.soft: each query's sum of weights.
  void answer(Scratch<T>& own, const std::vector<std::pair<int64_t, int64_t>>& block) const {
    const auto& s = shape_;
    const auto m = static_cast<int64_t>(block.size());
    product(m, ld_h_, s.d, own.queries.data(), s.d, table_h_.data(), ld_h_, own.bias_h.data(), ld_h_, false);
    product(m, ld_w_, s.d, own.queries.data(), s.d, table_w_.data(), ld_w_, own.bias_w.data(), ld_w_, false);
    float highest[kQueries], sum[kQueries] = {};
    std::fill(highest, highest + m, -std::numeric_limits<float>::infinity());
    for (int64_t row = 0; row < s.window_h; row += own.block_rows) {
      const int64_t rows = std::min(own.block_rows, s.window_h - row), count = rows * s.window_w,
                    first = row * s.window_w;
      // Keys are columns: a block of them starts further right, in pairs of rows as in single ones.
      product(m, count, s.d, own.queries.data(), s.d, own.keys.data() + first * Layout<T>::kRows, own.key_ld,
              own.scores.data(), own.score_ld, false);
      for (int64_t i = 0; i < m; ++i) {
        const auto [y, x] = block[index(i)];
        const float shrink = soften(own.scores.data() + i * own.score_ld,
                                    own.bias_h.data() + i * ld_h_ + (s.window_h - 1 - y) + row,
                                    own.bias_w.data() + i * ld_w_ + (s.window_w - 1 - x), rows, s.window_w,
                                    scale_, own.logits.data(), own.soft.data(), highest + i, sum + i);
        if (row > 0) scale_row(own.sums.data() + i * s.d, s.d, shrink);
        Layout<T>::write(own.soft.data(), round_up(count, kLanes), 1, own.weights.data() + i * own.score_ld);
      }
      // An odd last key has a partner of zeros, in the weights and in the values.
      product(m, s.d, round_up(count, Layout<T>::kRows), own.weights.data(), own.score_ld,
              own.values.data() + first * s.d, s.d, own.sums.data(), s.d, row > 0);
    }
    std::copy(sum, sum + m, own.soft.data());
  }

  static size_t index(int64_t i) { return static_cast<size_t>(i); }

  const Shape shape_;
  const T* from_;
  const at::Tensor padding_;
  const T* pad_;
  T* to_;
  const int64_t ld_h_, ld_w_;
  const std::vector<T> table_h_, table_w_;
  const float scale_;
};

template <typename T>
void run_all(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
             const at::Tensor& table_w, const Shape& shape, at::Tensor& out) {
  const Kernel<T> kernel(qkv, padding, table_h, table_w, shape, out);
  at::parallel_for(0, qkv.size(0) * shape.down * shape.across * shape.heads, 1,
                   [&](int64_t begin, int64_t end) {
                     Scratch<T> own(shape);
                     for (int64_t unit = begin; unit < end; ++unit) kernel.run(unit, own);
                     blas::brgemm_release(Layout<T>::kRows == 2);
                   });
}

}  // namespace

bool has_fused_attention(at::ScalarType dtype) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (dtype == at::kFloat) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  if (dtype == at::kBFloat16) return __builtin_cpu_supports("avx512bf16");
#endif
  return false;
}

at::Tensor fused_attention(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
                           const at::Tensor& table_w, int64_t heads, int64_t window) {
  const int64_t b = qkv.size(0), h = qkv.size(1), w = qkv.size(2), dim = qkv.size(3) / 3;
  const int64_t window_h = window > 0 ? window : h, window_w = window > 0 ? window : w;
  const Shape shape{
      h,     w,          window_h, window_w, (h + window_h - 1) / window_h, (w + window_w - 1) / window_w,
      heads, dim / heads};
  auto out = at::empty({b, h, w, dim}, qkv.options());
  const auto run = [&](auto&& with) {
    with(qkv, padding.to(qkv.scalar_type()).contiguous(), table_h.to(qkv.scalar_type()),
         table_w.to(qkv.scalar_type()), shape, out);
  };
  if (qkv.scalar_type() == at::kFloat) {
    run(run_all<float>);
  } else {
    run(run_all<at::BFloat16>);
  }
  return out;
}

}  // namespace gmiseg::sam
