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

#include "sam/attention_grid.h"
#include "sam/cpu_levels.h"
#include "sam/lanes.h"
#include "sam/panel_product.h"

namespace gmiseg::sam {

namespace {

namespace blas = at::native::cpublas;

// Scores of one query over `rows` grid rows of `width` keys: scores * scale + bias, then the running softmax.
// `logits` has room for rows * width rounded up, and kLanes more; `weights` for as many without the last
// kLanes. Returns the factor that what was summed before shrinks by.
GMISEG_FOR_EACH_LEVEL
float soften(const float* scores, const float* bias_h, const float* bias_w, int64_t rows, int64_t width,
             float scale, float* logits, float* weights, float* highest, float* sum) {
  // Whole lanes: what runs over a row's end is overwritten by the next row.
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < width; c += kWide) {
      Lanes x, bias;
      load(x, scores + row * width + c);
      load(bias, bias_w + c);
      store(logits + row * width + c, x * scale + (bias + bias_h[row]));
    }
  }
  const int64_t count = rows * width, padded = round_up(count, kLanes);
  std::fill(logits + count, logits + padded, -std::numeric_limits<float>::infinity());
  Lanes best = Lanes{} + *highest, x;
  for (int64_t i = 0; i < padded; i += kWide) {
    load(x, logits + i);
    raise(best, x);
  }
  float now = best[0];
  for (int64_t lane = 1; lane < kWide; ++lane) now = std::max(now, best[lane]);
  Lanes total{};
  for (int64_t i = 0; i < padded; i += kWide) {
    load(x, logits + i);
    x -= now;
    quick_exp(x);
    total += x;
    store(weights + i, x);
  }
  // The padding's weights of e^-87 count for nothing, but the products must not see them.
  std::fill(weights + count, weights + padded, 0.0F);
  x = Lanes{} + (*highest - now);
  quick_exp(x);
  const float shrink = *highest == -std::numeric_limits<float>::infinity() ? 0 : x[0];
  *sum = *sum * shrink + sum_of(total);
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

void write(const float* x, int64_t n, float by, float* out) { scale_to_float(x, n, by, out); }
void write(const float* x, int64_t n, float by, at::BFloat16* out) {
  scale_to_bfloat16(x, n, by, reinterpret_cast<uint16_t*>(out));
}

// The three ways of multiplying. Each says how the right-hand side of a product, `rows` x `columns`, lies in
// memory; columns are rounded up to whole lanes. A part of it begins at the place of its first entry. A block
// of scores, kQueries by about kKeys, stays in the second cache.

// LibTorch's kernels for AVX-512: float32 row by row, bfloat16 in pairs of rows.
template <typename T>
struct Brgemm {
  using Value = T;
  static constexpr bool kPairs = sizeof(T) == 2;
  static constexpr int64_t kQueries = 64, kKeys = 512;
  static constexpr int64_t kTogether = kPairs ? 2 : 1;  // a part begins at a multiple of so many keys
  static int64_t at(int64_t k, int64_t n, int64_t, int64_t columns) {
    return kPairs ? (k / 2 * columns + n) * 2 + k % 2 : k * columns + n;
  }
  static void product(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t,
                      int64_t columns, float* c, int64_t ldc, bool add) {
    blas::brgemm(m, n, k, lda, columns, ldc, add, a, b, c, kPairs);
  }
  static void release() { blas::brgemm_release(kPairs); }
};

// Ours, for AVX2.
struct Panels {
  using Value = float;
  static constexpr int64_t kQueries = 12 * kPanelRows, kKeys = 256;
  static constexpr int64_t kTogether = kPanel;
  static_assert(kPanel == kLanes);
  static int64_t at(int64_t k, int64_t n, int64_t rows, int64_t) { return in_panels(k, n, rows); }
  static void product(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                      int64_t rows, int64_t, float* c, int64_t ldc, bool add) {
    panel_product(m, n, k, {a, lda, 1}, b, rows, c, ldc, add);
  }
  static void release() {}
};

// [2 n - 1, d] -> its rows in reverse as columns: entry (c, j) belongs to the offset n - 1 - j of query to
// key.
template <typename Products>
auto reversed(const at::Tensor& table, int64_t ld) {
  using T = typename Products::Value;
  const auto values = table.contiguous();
  const T* from = values.const_data_ptr<T>();
  const int64_t rows = table.size(0), d = table.size(1);
  std::vector<T> out(static_cast<size_t>(ld * d), T(0.0F));
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < d; ++c)
      out[static_cast<size_t>(Products::at(c, j, d, ld))] = from[(rows - 1 - j) * d + c];
  }
  return out;
}

// One thread's buffers.
template <typename Products>
struct Scratch {
  using T = typename Products::Value;
  explicit Scratch(const AttentionGrid& s)
      : key_ld(round_up(s.keys(), kLanes)),
        value_rows(round_up(s.keys(), 2)),
        value_ld(round_up(s.d, kLanes)),
        block_rows(s.rows_together(Products::kKeys, Products::kTogether)),
        score_ld(round_up(block_rows * s.window_w, kLanes) + kLanes),
        keys(size(key_ld * s.d)),
        values(size(value_rows * value_ld)),
        queries(size(Products::kQueries * s.d)),
        weights(size(Products::kQueries * score_ld)),
        scores(size(Products::kQueries * score_ld)),
        logits(size(score_ld + kLanes)),
        soft(size(std::max(score_ld + kLanes, Products::kQueries))),
        highest(size(Products::kQueries)),
        sums(size(Products::kQueries * value_ld)),
        bias_h(size(Products::kQueries * AttentionGrid::table_ld(s.window_h) + kLanes)),
        bias_w(size(Products::kQueries * AttentionGrid::table_ld(s.window_w) + kLanes)) {}
  static size_t size(int64_t n) { return static_cast<size_t>(n); }

  const int64_t key_ld, value_rows, value_ld, block_rows, score_ld;
  std::vector<T> keys, values, queries, weights;
  std::vector<float> scores, logits, soft, highest, sums, bias_h, bias_w;
};

template <typename Products>
class Kernel {
  using T = typename Products::Value;
  static constexpr int64_t kQueries = Products::kQueries;

 public:
  Kernel(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
         const at::Tensor& table_w, const AttentionGrid& shape, FusedAttention& out)
      : shape_(shape),
        from_(qkv.const_data_ptr<T>()),
        padding_(padding),
        pad_(padding_.const_data_ptr<T>()),
        to_(out.out.mutable_data_ptr<T>()),
        log_sums_(out.log_sums.defined() ? out.log_sums.mutable_data_ptr<float>() : nullptr),
        ld_h_(AttentionGrid::table_ld(shape.window_h)),
        ld_w_(AttentionGrid::table_ld(shape.window_w)),
        table_h_(reversed<Products>(table_h, ld_h_)),
        table_w_(reversed<Products>(table_w, ld_w_)),
        scale_(1.0F / std::sqrt(static_cast<float>(shape.d))) {}

  void run(int64_t index_of_unit, Scratch<Products>& own) const {
    const AttentionUnit unit(shape_, index_of_unit);
    const int64_t d = shape_.d;
    pack(own, unit);
    unit.in_blocks(kQueries, [&](const Places& block) {
      for (size_t i = 0; i < block.size(); ++i) {
        const auto [y, x] = block[i];
        std::memcpy(own.queries.data() + static_cast<int64_t>(i) * d, from_ + unit.in_qkv(y, x, 0),
                    sizeof(T) * static_cast<size_t>(d));
      }
      answer(own, block);
      for (size_t i = 0; i < block.size(); ++i) {
        const auto [y, x] = block[i];
        write(own.sums.data() + static_cast<int64_t>(i) * own.value_ld, d, 1 / own.soft[i],
              to_ + unit.in_heads(y, x));
        if (log_sums_ != nullptr)
          log_sums_[unit.token(y, x) * shape_.heads + unit.head] = own.highest[i] + std::log(own.soft[i]);
      }
    });
  }

 private:
  void pack(Scratch<Products>& own, const AttentionUnit& unit) const {
    const int64_t d = shape_.d;
    for (int64_t y = 0, t = 0; y < shape_.window_h; ++y) {
      for (int64_t x = 0; x < shape_.window_w; ++x, ++t) {
        const T *k = unit.part(from_, pad_, y, x, 1), *v = unit.part(from_, pad_, y, x, 2);
        for (int64_t c = 0; c < d; ++c) own.keys[index(Products::at(c, t, d, own.key_ld))] = k[c];
        for (int64_t c = 0; c < d; ++c)
          own.values[index(Products::at(t, c, own.value_rows, own.value_ld))] = v[c];
      }
    }
  }

  // own.queries -> own.sums, not yet divided by what is left in own.soft: each query's sum of weights, the
  // highest score taken out.
  void answer(Scratch<Products>& own, const Places& block) const {
    const auto& s = shape_;
    const auto m = static_cast<int64_t>(block.size());
    Products::product(m, ld_h_, s.d, own.queries.data(), s.d, table_h_.data(), s.d, ld_h_, own.bias_h.data(),
                      ld_h_, false);
    Products::product(m, ld_w_, s.d, own.queries.data(), s.d, table_w_.data(), s.d, ld_w_, own.bias_w.data(),
                      ld_w_, false);
    float sum[kQueries] = {};
    std::fill_n(own.highest.data(), m, -std::numeric_limits<float>::infinity());
    for (int64_t row = 0; row < s.window_h; row += own.block_rows) {
      const int64_t rows = std::min(own.block_rows, s.window_h - row), count = rows * s.window_w,
                    first = row * s.window_w;
      Products::product(m, count, s.d, own.queries.data(), s.d,
                        own.keys.data() + Products::at(0, first, s.d, own.key_ld), s.d, own.key_ld,
                        own.scores.data(), own.score_ld, false);
      for (int64_t i = 0; i < m; ++i) {
        const auto [y, x] = block[index(i)];
        const float shrink = soften(
            own.scores.data() + i * own.score_ld, own.bias_h.data() + i * ld_h_ + (s.window_h - 1 - y) + row,
            own.bias_w.data() + i * ld_w_ + (s.window_w - 1 - x), rows, s.window_w, scale_, own.logits.data(),
            own.soft.data(), own.highest.data() + i, sum + i);
        if (row > 0) scale_row(own.sums.data() + i * own.value_ld, s.d, shrink);
        write(own.soft.data(), round_up(count, kLanes), 1, own.weights.data() + i * own.score_ld);
      }
      // An odd last key has a partner of zeros, in the weights and in the values.
      Products::product(m, s.d, round_up(count, Brgemm<T>::kTogether), own.weights.data(), own.score_ld,
                        own.values.data() + Products::at(first, 0, own.value_rows, own.value_ld),
                        own.value_rows, own.value_ld, own.sums.data(), own.value_ld, row > 0);
    }
    std::copy(sum, sum + m, own.soft.data());
  }

  static size_t index(int64_t i) { return static_cast<size_t>(i); }

  const AttentionGrid& shape_;
  const T* from_;
  const at::Tensor padding_;
  const T* pad_;
  T* to_;
  float* log_sums_;
  const int64_t ld_h_, ld_w_;
  const std::vector<T> table_h_, table_w_;
  const float scale_;
};

template <typename Products>
void run_all(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
             const at::Tensor& table_w, const AttentionGrid& shape, FusedAttention& out) {
  const Kernel<Products> kernel(qkv, padding, table_h, table_w, shape, out);
  at::parallel_for(0, shape.units, 1, [&](int64_t begin, int64_t end) {
    Scratch<Products> own(shape);
    for (int64_t unit = begin; unit < end; ++unit) kernel.run(unit, own);
    Products::release();
  });
}

#if defined(__x86_64__)
bool has_brgemm(at::ScalarType dtype) {
  __builtin_cpu_init();
  if (dtype == at::kFloat) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  return dtype == at::kBFloat16 && __builtin_cpu_supports("avx512bf16");
}
#else
bool has_brgemm(at::ScalarType) { return false; }
#endif

}  // namespace

bool has_fused_attention(at::ScalarType dtype) {
  return has_brgemm(dtype) || (dtype == at::kFloat && has_panel_product());
}

FusedAttention fused_attention(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
                               const at::Tensor& table_w, int64_t heads, int64_t window, bool with_log_sums) {
  const int64_t b = qkv.size(0), h = qkv.size(1), w = qkv.size(2), dim = qkv.size(3) / 3;
  const AttentionGrid grid(b, h, w, heads, dim / heads, window);
  FusedAttention out{at::empty({b, h, w, dim}, qkv.options()), {}};
  if (with_log_sums) out.log_sums = at::empty({b, h, w, heads}, qkv.options().dtype(at::kFloat));
  const auto run = [&](auto&& with) {
    with(qkv, padding.to(qkv.scalar_type()).contiguous(), table_h.to(qkv.scalar_type()),
         table_w.to(qkv.scalar_type()), grid, out);
  };
  if (qkv.scalar_type() == at::kBFloat16) {
    run(run_all<Brgemm<at::BFloat16>>);
  } else if (has_brgemm(at::kFloat)) {
    run(run_all<Brgemm<float>>);
  } else {
    run(run_all<Panels>);
  }
  return out;
}

}  // namespace gmiseg::sam
