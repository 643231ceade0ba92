#include "sam/image_encoder.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/types.h>

#include <cmath>

#include "runtime/activation_checkpoint.h"
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

// Exact and lean for training: the bias rides in extra channels, its key side
// is the one-hot of the key's row and column, so no score matrix is kept.
// v is padded to the same width, or LibTorch leaves its fused kernel.
at::Tensor attend_augmented(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& bias_h, const at::Tensor& bias_w, double scale, int64_t heads) {
  const int64_t n = q.size(0), h = q.size(1), w = q.size(2), d = q.size(3), t = h * w;
  const auto one_hot_h = at::eye(h, k.options()).repeat_interleave(w, 0);
  const auto one_hot_w = at::eye(w, k.options()).repeat({h, 1});
  const auto key_side = at::cat({one_hot_h, one_hot_w}, 1).unsqueeze(0).expand({n, t, h + w});
  const auto queries =
      at::cat({(q * scale).reshape({n, t, d}), bias_h.reshape({n, t, h}), bias_w.reshape({n, t, w})}, 2);
  const auto keys = at::cat({k.reshape({n, t, d}), key_side}, 2);
  const auto values = at::constant_pad_nd(v.reshape({n, t, d}), {0, h + w});
  const auto split = [&](const at::Tensor& x) { return x.view({n / heads, heads, t, d + h + w}); };
  const auto out =
      at::scaled_dot_product_attention(split(queries), split(keys), split(values), {}, 0.0, false, 1.0);
  return out.slice(3, 0, d).reshape({n, t, d});
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

}  // namespace

at::Tensor window_partition(const at::Tensor& x, int64_t window) {
  const int64_t pad_h = (window - x.size(1) % window) % window,
                pad_w = (window - x.size(2) % window) % window;
  const auto padded = pad_h > 0 || pad_w > 0 ? at::constant_pad_nd(x, {0, 0, 0, pad_w, 0, pad_h}) : x;
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
  if (fuses(x, bypass)) return proj->forward_add(attend_fused(x, block, bypass), other);
  if (window_ == 0) return other + attend(x, block, bypass);
  // Padding comes after the norm and is not masked, as in the reference:
  // padded tokens are exact zeros and take part in the softmax.
  const auto y = attend(window_partition(x, window_), block, bypass);
  return other + window_unpartition(y, window_, x.size(1), x.size(2));
}

bool AttentionImpl::fuses(const at::Tensor& x, const QvBypass* bypass) const {
  if (!x.is_cpu() || (x.scalar_type() != qkv->weight.scalar_type() && !qkv->widens(x))) return false;
  if (bypass != nullptr && !bypass->tokenwise()) return false;
  // What qkv will give.
  const auto type = at::autocast::is_autocast_enabled(at::kCPU) ? at::autocast::get_autocast_dtype(at::kCPU)
                                                                : x.scalar_type();
  return at::GradMode::is_enabled() ? has_fused_attention_backward(type) : has_fused_attention(type);
}

at::Tensor AttentionImpl::attend_fused(const at::Tensor& x, int64_t block, QvBypass* bypass) {
  auto all = qkv->forward(x).contiguous();
  const bool learns = at::GradMode::is_enabled();
  if (bypass != nullptr) {
    const int64_t dim = x.size(3);
    const auto [dq, dv] = (*bypass)(block, x);
    if (learns) {
      const auto parts = all.split(dim, -1);
      all = at::cat({parts[0] + dq, parts[1], parts[2] + dv}, -1);
    } else {
      all.slice(3, 0, dim).add_(dq);
      all.slice(3, 2 * dim, 3 * dim).add_(dv);
    }
  }
  const int64_t h = window_ > 0 ? window_ : x.size(1), w = window_ > 0 ? window_ : x.size(2);
  const auto table_h = relative_table(rel_pos_h, h), table_w = relative_table(rel_pos_w, w);
  return learns ? differentiable_attention(all, qkv->bias, table_h, table_w, heads_, window_)
                : fused_attention(all, qkv->bias, table_h, table_w, heads_, window_).out;
}

at::Tensor AttentionImpl::attend(const at::Tensor& x, int64_t block, QvBypass* bypass) {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), dim = x.size(3), d = dim / heads_;
  auto parts = qkv->forward(x).split(dim, -1);
  auto q = parts[0], k = parts[1], v = parts[2];
  if (bypass != nullptr) {
    const auto [dq, dv] = (*bypass)(block, x);
    q = q + dq;
    v = v + dv;
  }
  // [B, H, W, heads * d] -> [B * heads, H, W, d]
  const auto by_head = [&](const at::Tensor& y) {
    return y.reshape({b, h, w, heads_, d}).permute({0, 3, 1, 2, 4}).reshape({b * heads_, h, w, d});
  };
  q = by_head(q), k = by_head(k), v = by_head(v);
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  const auto [bias_h, bias_w] = relative_bias(q, relative_rows(rel_pos_h, h).to(q.scalar_type()),
                                              relative_rows(rel_pos_w, w).to(q.scalar_type()));
  at::Tensor out;
  if (h * w <= (q.is_cpu() ? kEagerTokens : kEagerTokensOnGpu)) {
    out = attend_eager(q, k, v, bias_h, bias_w, scale);
  } else if (at::GradMode::is_enabled() && (q.requires_grad() || v.requires_grad())) {
    out = attend_augmented(q, k, v, bias_h, bias_w, scale, heads_);
  } else if (q.is_cpu()) {
    out = attend_in_chunks(q, k, v, bias_h, bias_w, scale, heads_);
  } else {
    out = attend_augmented(q, k, v, bias_h, bias_w, scale, heads_);
  }
  out = out.view({b, heads_, h, w, d}).permute({0, 2, 3, 1, 4}).reshape({b, h, w, dim});
  return proj->forward(out);
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
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* linear = module->as<Linear>()) linear->pack();
  }
}
void ImageEncoderImpl::unpack() {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* linear = module->as<Linear>()) linear->unpack();
  }
}

ImageFeatures ImageEncoderImpl::forward(const at::Tensor& image, const EncodeOptions& options,
                                        const Progress& progress) {
  ImageFeatures out;
  if (stem_) out.high_res = stem_->forward(image);
  auto x = patch_proj_->forward(stem_ ? out.high_res.back() : image).permute({0, 2, 3, 1});
  x = x + position_map(pos_embed, x.size(1), x.size(2));
  const double count = static_cast<double>(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    progress.report("encode", static_cast<double>(i) / count);
    if (i < options.recompute.size() && options.recompute[i] && at::GradMode::is_enabled()) {
      x = runtime::checkpoint([&block = blocks[i], bypass = options.bypass](
                                  const at::Tensor& y) { return block->forward(y, bypass); },
                              x);
    } else {
      x = blocks[i]->forward(x, options.bypass);
    }
    if (options.on_block) options.on_block(static_cast<int64_t>(i), x);
  }
  x = neck1_->forward(neck0_->forward(x.permute({0, 3, 1, 2})));
  out.embedding = neck3_->forward(neck2_->forward(x));
  return out;
}

}  // namespace gmiseg::sam
