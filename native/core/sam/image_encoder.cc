#include "sam/image_encoder.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/activation_checkpoint.h"
#include "runtime/tensor_bytes.h"
#include "sam/fused_attention.h"
#include "sam/positions.h"

namespace gmiseg::sam {

namespace {

// The table's rows for every (query, key) pair of an axis:
// [n, n, head_dim], row h, column i holds table[h - i + n - 1].
at::Tensor relative_rows(const at::Tensor& table, int64_t n) {
  const auto rows = relative_table(table, n);
  const auto steps = at::arange(n, table.options().dtype(at::kLong));
  const auto index = steps.unsqueeze(1) - steps.unsqueeze(0) + (n - 1);
  return rows.index_select(0, index.reshape(-1)).view({n, n, table.size(1)});
}

// The two parts of the decomposed bias, from unscaled queries [N, H, W, d]:
// ([N, H, W, H], [N, H, W, W]).
std::pair<at::Tensor, at::Tensor> relative_bias(const at::Tensor& q, const at::Tensor& rows_h,
                                                const at::Tensor& rows_w) {
  const auto bias_h = at::matmul(q, rows_h.transpose(1, 2));
  const auto bias_w = at::matmul(q.transpose(1, 2), rows_w.transpose(1, 2)).transpose(1, 2);
  return {bias_h, bias_w};
}

// The arithmetic of the reference, all scores at once. For few tokens.
at::Tensor attend_eager(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const at::Tensor& bias_h, const at::Tensor& bias_w, double scale) {
  const int64_t n = q.size(0), h = q.size(1), w = q.size(2), d = q.size(3);
  auto scores = at::matmul((q * scale).reshape({n, h * w, d}), k.reshape({n, h * w, d}).transpose(1, 2));
  scores = scores.view({n, h, w, h, w}) + bias_h.unsqueeze(-1) + bias_w.unsqueeze(-2);
  const auto weights = at::softmax(scores.view({n, h * w, h * w}), -1);
  return at::matmul(weights, v.reshape({n, h * w, d}));
}

// Exact and lean: the bias rides in extra channels, its key side is the one-hot of the key's row and column,
// so there is no score matrix. q, k, v: [n, heads, h * w, d], bias_h and bias_w: [n, heads, h * w, h or w].
at::Tensor attend_augmented(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& bias_h, const at::Tensor& bias_w, double scale) {
  const int64_t n = q.size(0), heads = q.size(1), h = bias_h.size(3), w = bias_w.size(3), d = q.size(3);
  const auto one_hot_h = at::eye(h, k.options()).repeat_interleave(w, 0);
  const auto one_hot_w = at::eye(w, k.options()).repeat({h, 1});
  const auto key_side = at::cat({one_hot_h, one_hot_w}, 1).expand({n, heads, h * w, h + w});
  const auto queries = at::cat({q * scale, bias_h, bias_w}, 3), keys = at::cat({k, key_side}, 3);
  // Of LibTorch's kernels that keep no scores only a GPU's for float32 takes values narrower than queries.
  const bool narrow = !q.is_cpu() && q.scalar_type() == at::kFloat;
  const auto values = narrow ? v : at::constant_pad_nd(v, {0, h + w});
  return at::scaled_dot_product_attention(queries, keys, values, {}, 0.0, false, 1.0).slice(3, 0, d);
}

// Exact and fast for inference: some grid rows of queries at a time, the bias
// as an additive mask of just these rows.
at::Tensor attend_in_chunks(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& bias_h, const at::Tensor& bias_w, double scale, int64_t heads) {
  constexpr int64_t kRows = 16;
  const int64_t n = q.size(0), h = q.size(1), w = q.size(2), d = q.size(3), t = h * w;
  auto out = at::empty({n, t, d}, q.options());
  const auto keys = k.reshape({n / heads, heads, t, d}), values = v.reshape({n / heads, heads, t, d});
  for (int64_t row = 0; row < h; row += kRows) {
    const int64_t rows = std::min(kRows, h - row);
    const auto mask =
        (bias_h.slice(1, row, row + rows).unsqueeze(-1) + bias_w.slice(1, row, row + rows).unsqueeze(-2))
            .reshape({n / heads, heads, rows * w, t});
    const auto queries = q.slice(1, row, row + rows).reshape({n / heads, heads, rows * w, d});
    const auto part = at::scaled_dot_product_attention(queries, keys, values, mask, 0.0, false, scale);
    out.slice(1, row * w, (row + rows) * w).copy_(part.reshape({n, rows * w, d}));
  }
  return out;
}

// Below this many tokens the score matrix is small and the plain form fastest.
// A GPU's fused kernel is ahead sooner, and in training keeps no scores.
constexpr int64_t kEagerTokens = 1024, kEagerTokensOnGpu = 256;
// Up to so many a mask of all scores costs a GPU less than longer queries and keys.
constexpr int64_t kMaskedTokensOnGpu = 1024;

// [B, H, W, C] -> H and W rounded up to whole windows: `padding` [C] below and right, zeros where that is
// undefined.
at::Tensor pad_to_windows(const at::Tensor& x, int64_t window_h, int64_t window_w,
                          const at::Tensor& padding) {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const int64_t pad_h = (window_h - h % window_h) % window_h, pad_w = (window_w - w % window_w) % window_w;
  if (pad_h == 0 && pad_w == 0) return x;
  if (!padding.defined()) return at::constant_pad_nd(x, {0, 0, 0, pad_w, 0, pad_h});
  auto out = padding.expand({b, h + pad_h, w + pad_w, c}).clone(at::MemoryFormat::Contiguous);
  out.slice(1, 0, h).slice(2, 0, w).copy_(x);
  return out;
}

}  // namespace

at::Tensor window_partition(const at::Tensor& x, int64_t window, const at::Tensor& padding) {
  const auto padded = pad_to_windows(x, window, window, padding);
  const int64_t b = padded.size(0), rows = padded.size(1) / window, columns = padded.size(2) / window,
                c = x.size(3);
  return padded.view({b, rows, window, columns, window, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({b * rows * columns, window, window, c});
}

at::Tensor window_unpartition(const at::Tensor& windows, int64_t window, int64_t height, int64_t width) {
  const int64_t rows = (height + window - 1) / window, columns = (width + window - 1) / window;
  const int64_t b = windows.size(0) / (rows * columns), c = windows.size(3);
  return windows.view({b, rows, columns, window, window, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({b, rows * window, columns * window, c})
      .slice(1, 0, height)
      .slice(2, 0, width);
}

AttentionImpl::AttentionImpl(int64_t dim, int64_t heads, int64_t size, int64_t window)
    : heads_(heads), window_(window) {
  rel_pos_h = register_parameter("rel_pos_h", torch::empty({2 * size - 1, dim / heads}));
  rel_pos_w = register_parameter("rel_pos_w", torch::empty({2 * size - 1, dim / heads}));
  qkv = register_module("qkv", Linear(dim, 3 * dim));
  proj = register_module("proj", Linear(dim, dim));
}

at::Tensor AttentionImpl::forward(const at::Tensor& x, const at::Tensor& other, int64_t block,
                                  QvBypass* bypass) {
  const bool fused = fuses(x, bypass);
  // Where windows overlap the grid's edge, tokens are padded after the norm and not masked: zeros, which qkv
  // makes its bias of. They are keys in the softmax; what they would ask themselves is thrown away.
  if (fused || window_ == 0 || bypass == nullptr || bypass->tokenwise()) {
    const auto all = project(x, block, bypass);
    if (fused) return proj->forward_add(attend_fused(all), other);
    if (!x.is_cpu() && !at::GradMode::is_enabled()) return proj->forward_add(attend_on_gpu(all), other);
    if (window_ == 0) return proj->forward_add(attend(all), other);
    const auto y = attend(window_partition(all, window_, qkv->bias.to(all.scalar_type())));
    return proj->forward_add(window_unpartition(y, window_, x.size(1), x.size(2)), other);
  }
  // An addition made of a token's neighbours is made within the window, of padded ones too.
  const auto y = attend(project(window_partition(x, window_, {}), block, bypass));
  return proj->forward_add(window_unpartition(y, window_, x.size(1), x.size(2)), other);
}

at::Tensor AttentionImpl::project(const at::Tensor& x, int64_t block, QvBypass* bypass) {
  auto all = qkv->forward(x).contiguous();
  if (bypass == nullptr) return all;
  const int64_t dim = x.size(3);
  const auto [dq, dv] = (*bypass)(block, x);
  if (at::GradMode::is_enabled()) {
    const auto parts = all.split(dim, -1);
    return at::cat({parts[0] + dq, parts[1], parts[2] + dv}, -1);
  }
  all.slice(3, 0, dim).add_(dq);
  all.slice(3, 2 * dim, 3 * dim).add_(dv);
  return all;
}

bool AttentionImpl::fuses(const at::Tensor& x, const QvBypass* bypass) const {
  if (!x.is_cpu() || (x.scalar_type() != qkv->weight.scalar_type() && !qkv->widens(x))) return false;
  if (bypass != nullptr && !bypass->tokenwise()) return false;
  // What qkv will give.
  const auto type = at::autocast::is_autocast_enabled(at::kCPU) ? at::autocast::get_autocast_dtype(at::kCPU)
                                                                : x.scalar_type();
  return at::GradMode::is_enabled() ? has_fused_attention_backward(type) : has_fused_attention(type);
}

at::Tensor AttentionImpl::attend_fused(const at::Tensor& all) const {
  const int64_t h = window_ > 0 ? window_ : all.size(1), w = window_ > 0 ? window_ : all.size(2);
  const auto table_h = relative_table(rel_pos_h, h), table_w = relative_table(rel_pos_w, w);
  return at::GradMode::is_enabled()
             ? differentiable_attention(all, qkv->bias, table_h, table_w, heads_, window_)
             : fused_attention(all, qkv->bias, table_h, table_w, heads_, window_).out;
}

at::Tensor AttentionImpl::attend(const at::Tensor& all) const {
  const int64_t b = all.size(0), h = all.size(1), w = all.size(2), dim = all.size(3) / 3, d = dim / heads_;
  // [B, H, W, heads * d] -> [B * heads, H, W, d]
  const auto by_head = [&](const at::Tensor& y) {
    return y.reshape({b, h, w, heads_, d}).permute({0, 3, 1, 2, 4}).reshape({b * heads_, h, w, d});
  };
  const auto parts = all.split(dim, -1);
  const auto q = by_head(parts[0]), k = by_head(parts[1]), v = by_head(parts[2]);
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  const auto [bias_h, bias_w] = relative_bias(q, relative_rows(rel_pos_h, h).to(q.scalar_type()),
                                              relative_rows(rel_pos_w, w).to(q.scalar_type()));
  at::Tensor out;
  if (h * w <= (q.is_cpu() ? kEagerTokens : kEagerTokensOnGpu)) {
    out = attend_eager(q, k, v, bias_h, bias_w, scale);
  } else if (q.is_cpu() && !(at::GradMode::is_enabled() && q.requires_grad())) {
    out = attend_in_chunks(q, k, v, bias_h, bias_w, scale, heads_);
  } else {
    const auto split = [&](const at::Tensor& x) { return x.reshape({b, heads_, h * w, -1}); };
    out = attend_augmented(split(q), split(k), split(v), split(bias_h), split(bias_w), scale);
  }
  return out.reshape({b, heads_, h, w, d}).permute({0, 2, 3, 1, 4}).reshape({b, h, w, dim});
}

// Few kernels: starting one takes a GPU's driver longer than most of them run.
at::Tensor AttentionImpl::attend_on_gpu(const at::Tensor& all) const {
  const int64_t b = all.size(0), height = all.size(1), width = all.size(2), dim = all.size(3) / 3,
                d = dim / heads_;
  const int64_t h = window_ > 0 ? window_ : height, w = window_ > 0 ? window_ : width, t = h * w;
  const auto padded = pad_to_windows(all, h, w, qkv->bias.to(all.scalar_type()));
  const int64_t down = padded.size(1) / h, across = padded.size(2) / w, n = b * down * across;
  // Into windows and heads at once: [3, n, heads, t, d].
  const auto parts = padded.view({b, down, h, across, w, 3, heads_, d})
                         .permute({5, 0, 1, 3, 6, 2, 4, 7})
                         .reshape({3, n, heads_, t, d});
  const auto q = parts[0], k = parts[1], v = parts[2];
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));

  // A query's products with all relative positions, in reverse: those that it needs lie side by side, and
  // begin one earlier with each step down or to the right. So the parts of the bias are views.
  auto tables =
      at::cat({relative_table(rel_pos_w, w), relative_table(rel_pos_h, h)}).to(all.scalar_type()).flip(0);
  const int64_t stride = (tables.size(0) + 7) / 8 * 8;
  tables = at::constant_pad_nd(tables, {0, 0, 0, stride - tables.size(0)});
  const auto products = at::matmul(q, tables.t());  // [n, heads, t, stride]
  const auto bias_h = products.as_strided(
      {n, heads_, h, w, h}, {heads_ * t * stride, t * stride, w * stride - 1, stride, 1}, h - 1);
  const auto bias_w = products.as_strided(
      {n, heads_, h, w, w}, {heads_ * t * stride, t * stride, w * stride, stride - 1, 1}, 2 * h - 1 + w - 1);
  at::Tensor out;
  if (t <= kMaskedTokensOnGpu) {
    // Rows of a mask that begin at multiples of 16 are used as they are.
    const auto mask = at::empty({n, heads_, t, (t + 15) / 16 * 16}, all.options()).slice(3, 0, t);
    auto by_place = mask.unflatten(3, {h, w}).unflatten(2, {h, w});
    at::add_out(by_place, bias_h.unsqueeze(-1), bias_w.unsqueeze(-2));
    out = at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, scale);
  } else {
    out = attend_augmented(q, k, v, bias_h.reshape({n, heads_, t, h}), bias_w.reshape({n, heads_, t, w}),
                           scale);
  }
  return out.reshape({b, down, across, heads_, h, w, d})
      .permute({0, 1, 4, 2, 5, 3, 6})
      .reshape({b, down * h, across * w, dim})
      .slice(1, 0, height)
      .slice(2, 0, width);
}

MlpBlockImpl::MlpBlockImpl(int64_t dim, int64_t hidden) {
  lin1_ = register_module("lin1", Linear(dim, hidden));
  lin2_ = register_module("lin2", Linear(hidden, dim));
}
at::Tensor MlpBlockImpl::forward(const at::Tensor& x, const at::Tensor& other) {
  return lin2_->forward_add(lin1_->forward_gelu(x), other);
}

BlockImpl::BlockImpl(const SamConfig& config, int64_t index) : index_(index) {
  const int64_t window = config.is_global(index) ? 0 : config.window_size;
  norm1_ = register_module("norm1", LayerNorm(config.embed_dim, 1e-6));
  attn = register_module(
      "attn", Attention(config.embed_dim, config.num_heads, window > 0 ? window : config.grid(), window));
  norm2_ = register_module("norm2", LayerNorm(config.embed_dim, 1e-6));
  mlp_ = register_module("mlp", MlpBlock(config.embed_dim, config.hidden_dim()));
}

at::Tensor BlockImpl::forward(const at::Tensor& x, QvBypass* bypass) {
  const auto y = attn->forward(norm1_->forward(x), x, index_, bypass);
  return mlp_->forward(norm2_->forward(y), y);
}

StemImpl::StemImpl(const SamConfig& config) {
  int64_t in = 3, stride = config.patch_size / 4;
  for (size_t i = 0; i < config.stem.size(); ++i) {
    const int64_t out = config.stem[i], kernel = std::max<int64_t>(3, 2 * stride - 1);
    auto module = register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    Level level;
    level.down = module->register_module("down", Conv2d(in, out, kernel, stride, kernel / 2, true));
    level.norm0 = module->register_module("norm0", LayerNorm2d(out, kSteadyEps));
    level.conv = module->register_module("conv", Conv2d(out, out, 3, 1, 1, true));
    level.norm1 = module->register_module("norm1", LayerNorm2d(out, kSteadyEps));
    levels_.push_back(level);
    in = out, stride = 2;
  }
}

std::vector<at::Tensor> StemImpl::forward(const at::Tensor& image) {
  std::vector<at::Tensor> out;
  // Channels last: the norms over channels then need no copy.
  auto x = image.contiguous(at::MemoryFormat::ChannelsLast);
  for (auto& level : levels_) {
    x = at::relu(level.norm0->forward(level.down->forward(x)));
    x = at::relu(level.norm1->forward(x + level.conv->forward(x)));
    out.push_back(x);
  }
  return out;
}

ImageEncoderImpl::ImageEncoderImpl(const SamConfig& config) {
  pos_embed =
      register_parameter("pos_embed", torch::empty({1, config.grid(), config.grid(), config.embed_dim}));
  auto patch_embed = register_module("patch_embed", std::make_shared<torch::nn::Module>());
  if (config.stem.empty()) {
    patch_proj_ = patch_embed->register_module(
        "proj", Conv2d(3, config.embed_dim, config.patch_size, config.patch_size, 0, true));
  } else {
    stem_ = register_module("stem", Stem(config));
    patch_proj_ =
        patch_embed->register_module("proj", Conv2d(config.stem.back(), config.embed_dim, 2, 2, 0, true));
  }
  auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < config.depth; ++i) {
    blocks.push_back(list->register_module(std::to_string(i), Block(config, i)));
  }
  auto neck = register_module("neck", std::make_shared<torch::nn::Module>());
  neck0_ = neck->register_module("0", Conv2d(config.embed_dim, config.prompt_embed_dim, 1, 1, 0, false));
  neck1_ = neck->register_module("1", LayerNorm2d(config.prompt_embed_dim));
  neck2_ =
      neck->register_module("2", Conv2d(config.prompt_embed_dim, config.prompt_embed_dim, 3, 1, 1, false));
  neck3_ = neck->register_module("3", LayerNorm2d(config.prompt_embed_dim));
}

void ImageEncoderImpl::pack() {
  for (const auto& block : blocks) {
    bool anew = false;
    for (const auto& module : block->modules(/*include_self=*/false)) {
      if (auto* linear = module->as<Linear>()) anew |= linear->pack();
    }
    // Packed weights do not fit where the plain ones were: without this the heap would keep both.
    if (anew) runtime::trim_heap();
  }
}
void ImageEncoderImpl::unpack() {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* linear = module->as<Linear>()) linear->unpack();
  }
}

ImageFeatures ImageEncoderImpl::forward(const at::Tensor& image, const EncodeOptions& options,
                                        const Progress& progress) {
  return finish(begin(image, first_learning(options.bypass), options, progress), options, progress);
}

int64_t ImageEncoderImpl::first_learning(const QvBypass* bypass) const {
  if (!at::GradMode::is_enabled()) return 0;
  // The encoder's weights learn all or not at all.
  if (pos_embed.requires_grad()) return 0;
  const auto depth = static_cast<int64_t>(blocks.size());
  return bypass != nullptr && bypass->learns() ? std::min(bypass->first_block(), depth) : depth;
}

Halfway ImageEncoderImpl::begin(const at::Tensor& image, int64_t until, const EncodeOptions& options,
                                const Progress& progress) {
  // Without a graph nothing is kept, and what overwrites its input may.
  std::optional<torch::NoGradGuard> nothing_learns;
  if (until > 0) nothing_learns.emplace();
  Halfway out;
  if (stem_) out.high_res = stem_->forward(image);
  const auto x = patch_proj_->forward(stem_ ? out.high_res.back() : image).permute({0, 2, 3, 1});
  out.x = pass(x + position_map(pos_embed, x.size(1), x.size(2)), 0, until, options, progress);
  out.block = until;
  return out;
}

ImageFeatures ImageEncoderImpl::finish(Halfway from, const EncodeOptions& options, const Progress& progress) {
  const auto depth = static_cast<int64_t>(blocks.size());
  const auto x = pass(std::move(from.x), from.block, depth, options, progress).permute({0, 3, 1, 2});
  return {neck3_->forward(neck2_->forward(neck1_->forward(neck0_->forward(x)))), std::move(from.high_res)};
}

at::Tensor ImageEncoderImpl::pass(at::Tensor x, int64_t from, int64_t until, const EncodeOptions& options,
                                  const Progress& progress) {
  const auto count = static_cast<double>(blocks.size());
  for (int64_t i = from; i < until; ++i) {
    progress.report("encode", static_cast<double>(i) / count);
    auto& block = blocks[static_cast<size_t>(i)];
    auto* bypass = options.bypass != nullptr && i >= options.bypass->first_block() ? options.bypass : nullptr;
    const bool again = i < static_cast<int64_t>(options.recompute.size()) &&
                       options.recompute[static_cast<size_t>(i)] && at::GradMode::is_enabled();
    x = again ? runtime::checkpoint(
                    [&block, bypass](const at::Tensor& y) { return block->forward(y, bypass); }, x)
              : block->forward(x, bypass);
    if (options.on_block) options.on_block(i, x);
  }
  return x;
}

}  // namespace gmiseg::sam
