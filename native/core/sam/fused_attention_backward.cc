#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "sam/attention_grid.h"
#include "sam/cpu_levels.h"
#include "sam/fused_attention.h"
#include "sam/lanes.h"
#include "sam/panel_product.h"

namespace gmiseg::sam {

namespace {

using Floats = std::vector<float>;

constexpr int64_t kQueries = 12 * kPanelRows;  // of a block
constexpr int64_t kKeys = 256;                 // about as many at a time

size_t size(int64_t n) { return static_cast<size_t>(n); }

// [rows, d], row after row -> right-hand side of `of` rows.
void pack_rows(const float* from, int64_t rows, int64_t d, int64_t of, Floats& out) {
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < d; ++c) out[size(in_panels(j, c, of))] = from[j * d + c];
  }
}
// The same transposed: [d, rows].
void pack_columns(const float* from, int64_t rows, int64_t d, Floats& out) {
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t c = 0; c < d; ++c) out[size(in_panels(c, j, d))] = from[j * d + c];
  }
}

// One query and `rows` grid rows of `width` keys. scores: products of query and keys, turned into the weights
// they came to. steps: products of the output's gradient and the values, turned into the scores' gradient
// before the bias, times scale. What belongs to a row or a column of keys is added to to_h [rows] and to_w
// [width]. Both outputs have room for kLanes more than their rows * width.
GMISEG_FOR_EACH_LEVEL
void soften_back(const float* scores, const float* steps, const float* bias_h, const float* bias_w,
                 int64_t rows, int64_t width, float scale, float log_sum, float mean, float* weights,
                 float* gradient, float* to_h, float* to_w) {
  // Lanes of the last vector of a row that belong to it.
  Whole within{};
  for (int64_t lane = 0; lane < kWide; ++lane) within[lane] = lane < (width - 1) % kWide + 1;
  for (int64_t row = 0; row < rows; ++row) {
    Lanes sum{};
    for (int64_t c = 0; c < width; c += kWide) {
      const int64_t at = row * width + c;
      Lanes w, bias, step, column;
      load(w, scores + at);
      load(bias, bias_w + c);
      w = w * scale + (bias + (bias_h[row] - log_sum));
      quick_exp(w);
      if (c + kWide > width) w = within ? w : Lanes{};
      load(step, steps + at);
      step = w * (step - mean);
      sum += step;
      load(column, to_w + c);
      store(to_w + c, column + step);
      // Whole lanes: what runs over a row's end is overwritten by the next row.
      store(weights + at, w);
      store(gradient + at, step * scale);
    }
    to_h[row] += sum_of(sum);
  }
}

GMISEG_FOR_EACH_LEVEL
float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// What a table of relative positions is to products.
struct Table {
  explicit Table(const at::Tensor& table)
      : n((table.size(0) + 1) / 2),
        ld(AttentionGrid::table_ld(n)),
        d(table.size(1)),
        columns(size(ld * d)),
        rows(size(ld * round_up(d, kLanes))) {
    const auto values = table.flip(0).contiguous();
    pack_columns(values.const_data_ptr<float>(), 2 * n - 1, d, columns);
    pack_rows(values.const_data_ptr<float>(), 2 * n - 1, d, ld, rows);
  }
  const int64_t n, ld, d;
  Floats columns, rows;  // right-hand sides [d, ld] and [ld, d], reversed
};

// What threads add up apart from each other.
struct Sums {
  Floats padding, table_h, table_w;  // [3 * heads * d], [ld, d rounded up]
};

struct Scratch {
  Scratch(const AttentionGrid& grid, int64_t ld_h, int64_t ld_w)
      : keys(grid.keys()),
        d_ld(round_up(grid.d, kLanes)),
        block_rows(grid.rows_together(kKeys, kPanel)),
        score_ld(round_up(block_rows * grid.window_w, kLanes) + kLanes),
        key_columns(size(round_up(keys, kLanes) * grid.d)),
        value_columns(size(round_up(keys, kLanes) * grid.d)),
        key_rows(size(keys * d_ld)),
        to_keys(size(keys * d_ld)),
        to_values(size(keys * d_ld)),
        queries(size(kQueries * grid.d)),
        gradients(size(kQueries * grid.d)),
        query_rows(size(kQueries * d_ld)),
        gradient_rows(size(kQueries * d_ld)),
        scores(size(kQueries * score_ld)),
        steps(size(kQueries * score_ld)),
        weights(size(kQueries * score_ld)),
        score_gradients(size(kQueries * score_ld)),
        to_queries(size(kQueries * d_ld)),
        bias_h(size(kQueries * ld_h + kLanes)),
        bias_w(size(kQueries * ld_w + kLanes)),
        to_bias_h(size(kQueries * ld_h + kLanes)),
        to_bias_w(size(kQueries * ld_w + kLanes)),
        log_sums(size(kQueries)),
        means(size(kQueries)) {}

  const int64_t keys, d_ld, block_rows, score_ld;
  // Of the unit: right-hand sides [d, keys], [keys, d]; sums [keys, d_ld].
  Floats key_columns, value_columns, key_rows, to_keys, to_values;
  // Of a block of queries: left-hand sides [queries, d], right-hand sides of the same, and what comes of
  // them.
  Floats queries, gradients, query_rows, gradient_rows;
  Floats scores, steps, weights, score_gradients, to_queries;
  Floats bias_h, bias_w, to_bias_h, to_bias_w, log_sums, means;
};

class Kernel {
 public:
  Kernel(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
         const at::Tensor& table_w, const AttentionGrid& grid, const FusedAttention& found,
         const at::Tensor& gradient, at::Tensor& to_qkv, const Wanted& wanted)
      : grid_(grid),
        from_(qkv.const_data_ptr<float>()),
        pad_(padding.const_data_ptr<float>()),
        out_(found.out.const_data_ptr<float>()),
        log_sums_(found.log_sums.const_data_ptr<float>()),
        gradient_(gradient.const_data_ptr<float>()),
        to_(to_qkv.mutable_data_ptr<float>()),
        wanted_(wanted),
        h_(table_h),
        w_(table_w),
        scale_(1.0F / std::sqrt(static_cast<float>(grid.d))) {}

  const Table& table_h() const { return h_; }
  const Table& table_w() const { return w_; }

  void run(int64_t index, Scratch& own, Sums& sums) const {
    const AttentionUnit unit(grid_, index);
    const int64_t d = grid_.d;
    pack(own, unit);
    std::fill(own.to_keys.begin(), own.to_keys.end(), 0.0F);
    std::fill(own.to_values.begin(), own.to_values.end(), 0.0F);
    unit.in_blocks(kQueries, [&](const Places& block) {
      gather(own, unit, block);
      answer(own, block, sums);
      for (size_t i = 0; i < block.size(); ++i) {
        std::copy_n(own.to_queries.data() + static_cast<int64_t>(i) * own.d_ld, d,
                    to_ + unit.in_qkv(block[i].first, block[i].second, 0));
      }
    });
    for (int64_t y = 0, t = 0; y < grid_.window_h; ++y) {
      for (int64_t x = 0; x < grid_.window_w; ++x, ++t) {
        const float *k = own.to_keys.data() + t * own.d_ld, *v = own.to_values.data() + t * own.d_ld;
        if (unit.real(y, x)) {
          std::copy_n(k, d, to_ + unit.in_qkv(y, x, 1));
          std::copy_n(v, d, to_ + unit.in_qkv(y, x, 2));
        } else if (wanted_.padding) {
          float *to_k = sums.padding.data() + unit.channel(1), *to_v = sums.padding.data() + unit.channel(2);
          for (int64_t c = 0; c < d; ++c) to_k[c] += k[c], to_v[c] += v[c];
        }
      }
    }
  }

 private:
  void pack(Scratch& own, const AttentionUnit& unit) const {
    const int64_t d = grid_.d;
    for (int64_t y = 0, t = 0; y < grid_.window_h; ++y) {
      for (int64_t x = 0; x < grid_.window_w; ++x, ++t) {
        const float *k = unit.part(from_, pad_, y, x, 1), *v = unit.part(from_, pad_, y, x, 2);
        for (int64_t c = 0; c < d; ++c) {
          own.key_columns[size(in_panels(c, t, d))] = k[c];
          own.value_columns[size(in_panels(c, t, d))] = v[c];
          own.key_rows[size(in_panels(t, c, own.keys))] = k[c];
        }
      }
    }
  }

  void gather(Scratch& own, const AttentionUnit& unit, const Places& block) const {
    const int64_t d = grid_.d;
    for (size_t i = 0; i < block.size(); ++i) {
      const auto [y, x] = block[i];
      const int64_t row = static_cast<int64_t>(i) * d, place = unit.in_heads(y, x);
      std::copy_n(from_ + unit.in_qkv(y, x, 0), d, own.queries.data() + row);
      std::copy_n(gradient_ + place, d, own.gradients.data() + row);
      own.log_sums[i] = log_sums_[unit.token(y, x) * grid_.heads + unit.head];
      own.means[i] = dot(gradient_ + place, out_ + place, d);
    }
    const auto m = static_cast<int64_t>(block.size());
    pack_rows(own.queries.data(), m, d, kQueries, own.query_rows);
    pack_rows(own.gradients.data(), m, d, kQueries, own.gradient_rows);
  }

  void answer(Scratch& own, const Places& block, Sums& sums) const {
    const int64_t d = grid_.d, ld = own.d_ld, at = own.score_ld, width = grid_.window_w;
    const auto m = static_cast<int64_t>(block.size());
    const LeftSide queries{own.queries.data(), d, 1}, gradients{own.gradients.data(), d, 1};
    panel_product(m, h_.ld, d, queries, h_.columns.data(), d, own.bias_h.data(), h_.ld, false);
    panel_product(m, w_.ld, d, queries, w_.columns.data(), d, own.bias_w.data(), w_.ld, false);
    std::fill(own.to_bias_h.begin(), own.to_bias_h.end(), 0.0F);
    std::fill(own.to_bias_w.begin(), own.to_bias_w.end(), 0.0F);
    for (int64_t row = 0; row < grid_.window_h; row += own.block_rows) {
      const int64_t rows = std::min(own.block_rows, grid_.window_h - row), count = rows * width,
                    first = row * width;
      panel_product(m, count, d, queries, own.key_columns.data() + first * d, d, own.scores.data(), at,
                    false);
      panel_product(m, count, d, gradients, own.value_columns.data() + first * d, d, own.steps.data(), at,
                    false);
      for (int64_t i = 0; i < m; ++i) {
        const auto [y, x] = block[size(i)];
        const int64_t up = i * h_.ld + (h_.n - 1 - y) + row, left = i * w_.ld + (w_.n - 1 - x);
        soften_back(own.scores.data() + i * at, own.steps.data() + i * at, own.bias_h.data() + up,
                    own.bias_w.data() + left, rows, width, scale_, own.log_sums[size(i)], own.means[size(i)],
                    own.weights.data() + i * at, own.score_gradients.data() + i * at,
                    own.to_bias_h.data() + up, own.to_bias_w.data() + left);
      }
      panel_product(m, d, count, {own.score_gradients.data(), at, 1}, own.key_rows.data() + first * kPanel,
                    own.keys, own.to_queries.data(), ld, row > 0);
      panel_product(count, d, m, {own.score_gradients.data(), 1, at}, own.query_rows.data(), kQueries,
                    own.to_keys.data() + first * ld, ld, true);
      panel_product(count, d, m, {own.weights.data(), 1, at}, own.gradient_rows.data(), kQueries,
                    own.to_values.data() + first * ld, ld, true);
    }
    panel_product(m, d, h_.ld, {own.to_bias_h.data(), h_.ld, 1}, h_.rows.data(), h_.ld, own.to_queries.data(),
                  ld, true);
    panel_product(m, d, w_.ld, {own.to_bias_w.data(), w_.ld, 1}, w_.rows.data(), w_.ld, own.to_queries.data(),
                  ld, true);
    if (!wanted_.tables) return;
    panel_product(h_.ld, d, m, {own.to_bias_h.data(), 1, h_.ld}, own.query_rows.data(), kQueries,
                  sums.table_h.data(), ld, true);
    panel_product(w_.ld, d, m, {own.to_bias_w.data(), 1, w_.ld}, own.query_rows.data(), kQueries,
                  sums.table_w.data(), ld, true);
  }

  const AttentionGrid& grid_;
  const float *from_, *pad_, *out_, *log_sums_, *gradient_;
  float* to_;
  const Wanted wanted_;
  const Table h_, w_;
  const float scale_;
};

// Sums of reversed rows [ld, d_ld] -> [2 n - 1, d].
at::Tensor as_table(Floats& sums, const Table& table) {
  return at::from_blob(sums.data(), {table.ld, round_up(table.d, kLanes)}, at::kFloat)
      .slice(0, 0, 2 * table.n - 1)
      .slice(1, 0, table.d)
      .flip(0);
}

}  // namespace

FusedAttentionGradient fused_attention_backward(const at::Tensor& qkv, const at::Tensor& padding,
                                                const at::Tensor& table_h, const at::Tensor& table_w,
                                                int64_t heads, int64_t window, const FusedAttention& found,
                                                const at::Tensor& gradient, const Wanted& wanted) {
  const int64_t dim = qkv.size(3) / 3;
  const AttentionGrid grid(qkv.size(0), qkv.size(1), qkv.size(2), heads, dim / heads, window);
  FusedAttentionGradient out{at::empty_like(qkv), {}, {}, {}};
  const auto pad = padding.contiguous(), from = gradient.contiguous();
  const Kernel kernel(qkv, pad, table_h, table_w, grid, found, from, out.qkv, wanted);
  const int64_t d_ld = round_up(grid.d, kLanes);
  // One for each thread, added up in their order: the same threads give the same bits.
  std::vector<Sums> sums(size(at::get_num_threads()));
  at::parallel_for(0, grid.units, 1, [&](int64_t begin, int64_t end) {
    auto& mine = sums[size(at::get_thread_num())];
    if (wanted.padding) mine.padding.resize(size(3 * dim));
    if (wanted.tables) {
      mine.table_h.resize(size(kernel.table_h().ld * d_ld));
      mine.table_w.resize(size(kernel.table_w().ld * d_ld));
    }
    Scratch own(grid, kernel.table_h().ld, kernel.table_w().ld);
    for (int64_t unit = begin; unit < end; ++unit) kernel.run(unit, own, mine);
  });
  for (auto& each : sums) {
    const auto add = [](at::Tensor& to, const at::Tensor& x) { to = to.defined() ? to + x : x.clone(); };
    if (!each.padding.empty()) add(out.padding, at::from_blob(each.padding.data(), {3 * dim}, at::kFloat));
    if (each.table_h.empty()) continue;
    add(out.table_h, as_table(each.table_h, kernel.table_h()));
    add(out.table_w, as_table(each.table_w, kernel.table_w()));
  }
  return out;
}

bool has_fused_attention_backward(at::ScalarType dtype) { return dtype == at::kFloat && has_panel_product(); }

}  // namespace gmiseg::sam
