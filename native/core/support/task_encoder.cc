#include "support/task_encoder.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <cmath>

#include "runtime/autocast.h"

namespace gmiseg::support {

namespace {

constexpr double kEpsilon = 1e-4;
// Penalty of the ridge fit at the start of training; features are in [-1, 1].
constexpr double kPenalty = 0.02;
// Places a side that the memory keeps: however large the input, the state stays small.
constexpr int64_t kPlaces = 16;

at::Tensor pooled(const at::Tensor& x, const at::Tensor& like) {
  if (x.size(2) == like.size(2) && x.size(3) == like.size(3)) return x;
  return at::adaptive_avg_pool2d(x, {like.size(2), like.size(3)});
}

at::Tensor tokens_of(const at::Tensor& map) { return map.flatten(2).transpose(1, 2); }

// [T, ...] -> [T * count, ...], each row `count` times.
at::Tensor repeated(const at::Tensor& x, int64_t count) {
  return count == 1 ? x : x.repeat_interleave(count, 0);
}

at::Tensor mean_of_tasks(const at::Tensor& x, int64_t tasks) {
  auto sizes = x.sizes().vec();
  sizes[0] = x.size(0) / tasks;
  sizes.insert(sizes.begin(), tasks);
  return x.view(sizes).mean(1);
}

}  // namespace

Contributions Contributions::select(const at::Tensor& index) const {
  const auto pick = [&](const at::Tensor& x) { return x.index_select(0, index); };
  Contributions out;
  for (const auto& s : scales) {
    out.scales.push_back({pick(s.sums), pick(s.mass), pick(s.location), pick(s.inside), pick(s.outside)});
  }
  out.keys = pick(keys);
  out.values = pick(values);
  return out;
}

Contributions join(const std::vector<Contributions>& parts) {
  const auto all = [&](auto&& get) {
    std::vector<at::Tensor> rows;
    for (const auto& part : parts) rows.push_back(get(part));
    return rows.size() == 1 ? rows[0] : at::cat(rows);
  };
  Contributions out;
  for (size_t i = 0; i < parts.front().scales.size(); ++i) {
    const auto scale = [&](at::Tensor Contributions::Scale::*member) {
      return all([&](const Contributions& part) { return part.scales[i].*member; });
    };
    using Scale = Contributions::Scale;
    out.scales.push_back({scale(&Scale::sums), scale(&Scale::mass), scale(&Scale::location),
                          scale(&Scale::inside), scale(&Scale::outside)});
  }
  out.keys = all([](const Contributions& part) { return part.keys; });
  out.values = all([](const Contributions& part) { return part.values; });
  return out;
}

ConvBlockImpl::ConvBlockImpl(int64_t in, int64_t out) {
  conv0_ = register_module("conv0", sam::Conv2d(in, out, 3, 1, 1, true));
  norm0_ = register_module("norm0", sam::LayerNorm2d(out, sam::kSteadyEps));
  conv1_ = register_module("conv1", sam::Conv2d(out, out, 3, 1, 1, true));
  norm1_ = register_module("norm1", sam::LayerNorm2d(out, sam::kSteadyEps));
  skip_ = register_module("skip", sam::Conv2d(in, out, 1, 1, 0, true));
}
at::Tensor ConvBlockImpl::forward(const at::Tensor& x) {
  const auto y = at::relu(norm0_->forward(conv0_->forward(x)));
  return at::relu(skip_->forward(x) + norm1_->forward(conv1_->forward(y)));
}

ReadBlockImpl::ReadBlockImpl(int64_t dim, int64_t heads) {
  norm0_ = register_module("norm0", sam::LayerNorm(dim, 1e-5));
  attention_ = register_module("attention", sam::DecoderAttention(dim, heads, 1));
  norm1_ = register_module("norm1", sam::LayerNorm(dim, 1e-5));
  lin0_ = register_module("lin0", sam::Linear(dim, 2 * dim));
  lin1_ = register_module("lin1", sam::Linear(2 * dim, dim));
}
at::Tensor ReadBlockImpl::forward(const at::Tensor& x, const at::Tensor& query_pe, const at::Tensor& keys,
                                  const at::Tensor& values) {
  auto query = norm0_->forward(x);
  if (query_pe.defined()) query = query + query_pe;
  return digest(x + attention_->forward(query, keys, values));
}
at::Tensor ReadBlockImpl::forward(const at::Tensor& x, const at::Tensor& pe) {
  const auto normed = norm0_->forward(x), placed = normed + pe;
  return digest(x + attention_->forward(placed, placed, normed));
}
at::Tensor ReadBlockImpl::digest(const at::Tensor& y) {
  return y + lin1_->forward(at::relu(lin0_->forward(norm1_->forward(y))));
}

TaskEncoderImpl::TaskEncoderImpl(const TaskEncoderConfig& config, const sam::SamConfig& sam)
    : config(config) {
  const int64_t dim = sam.prompt_embed_dim;
  auto stem = sam.stem;
  if (stem.empty()) {
    auto own = sam;
    own.stem = stem = config.side_stem.empty() ? std::vector<int64_t>{24, 48} : config.side_stem;
    side_stem_ = register_module("side_stem", sam::Stem(own));
  }
  // The pixels themselves join the finest scale: on some stains grey decides all.
  const std::vector<int64_t> channels = {stem[0] + 3, stem[1], dim};
  auto list = register_module("scales", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < kScales; ++i) {
    auto module = list->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    const int64_t c = channels[i], v = config.values[i];
    Scale scale;
    scale.bins = module->register_module("bins", sam::Conv2d(c, config.bins[i], 1, 1, 0, true));
    scale.squeeze = module->register_module("squeeze", sam::Conv2d(c, 2 * v, 1, 1, 0, true));
    scale.value0 = module->register_module("value0", sam::Conv2d(2 * v + 1, 2 * v, 3, 1, 1, true));
    scale.value1 = module->register_module("value1", sam::Conv2d(2 * v, v, 3, 1, 1, true));
    scale.ridge = module->register_module("ridge", sam::Conv2d(c, config.ridge[i], 1, 1, 0, true));
    scale.penalty = module->register_parameter("penalty", torch::zeros({1}));
    scales_.push_back(scale);
  }
  token_proj_ = register_module("token_proj", sam::Conv2d(dim, dim, 1, 1, 0, true));
  // Nothing else bounds what is remembered: without norms it grew until training fell apart.
  token_norm_ = register_module("token_norm", sam::LayerNorm2d(dim, sam::kSteadyEps));
  memory_norm_ = register_module("memory_norm", sam::LayerNorm(dim, 1e-5));
  read_norm_ = register_module("read_norm", sam::LayerNorm(dim, 1e-5));
  mask_patch_ = register_module("mask_patch", sam::Conv2d(1, dim, 4, 4, 0, true));
  latents_ = register_module("latents", sam::Embedding(config.latents, dim));
  auto distill = register_module("distill", std::make_shared<torch::nn::Module>());
  auto attend = register_module("attend", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < config.blocks; ++i) {
    distill_.push_back(distill->register_module(std::to_string(i), ReadBlock(dim, config.heads)));
    attend_.push_back(attend->register_module(std::to_string(i), ReadBlock(dim, config.heads)));
  }
  token_out_ = register_module("token_out", sam::Linear(dim, dim));
  // What a query reads at a scale: the histogram's values and mass, the location map, the ridge classifier.
  const auto reads = [&](size_t i) { return 2 * config.values[i] + 4; };
  fuse_ = register_module("fuse", sam::Linear(reads(0) + reads(1) + reads(2), dim));
  auto joint = register_module("joint", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < config.joint; ++i)
    joint_.push_back(joint->register_module(std::to_string(i), ReadBlock(dim, config.heads)));
  auto up = register_module("up", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < kScales; ++i) {
    const int64_t above = i + 1 < kScales ? config.widths[i + 1] : dim;
    up_.push_back(up->register_module(
        std::to_string(i),
        ConvBlock(above + (i + 1 < kScales ? channels[i] : 0) + reads(i), config.widths[i])));
  }
  head_ = register_module("head", sam::Conv2d(config.widths[0], 1, 1, 1, 0, true));
}

Maps TaskEncoderImpl::maps(const at::Tensor& image, const sam::ImageFeatures& features,
                           const at::Tensor& inside) {
  Maps out;
  auto fine = side_stem_ ? side_stem_->forward(image) : features.high_res;
  const auto pixels = pooled(image, fine[0]);
  out.features = {at::cat({fine[0], pixels.to(fine[0].scalar_type())}, 1), fine[1], features.embedding};
  if (inside.defined()) {
    for (const auto& map : out.features) out.inside.push_back(pooled(inside.to(at::kFloat), map));
  }
  return out;
}

at::Tensor TaskEncoderImpl::tokens(const at::Tensor& embedding) {
  return token_norm_->forward(token_proj_->forward(embedding));
}

at::Tensor TaskEncoderImpl::ridge_features(Scale& scale, const at::Tensor& features,
                                           const at::Tensor& inside) {
  auto x = at::tanh(scale.ridge->forward(features).to(at::kFloat));
  x = at::cat({x, at::ones_like(x.slice(1, 0, 1))}, 1);
  if (inside.defined()) x = x * inside;
  return x.flatten(2);  // [B, R, P]; the last feature is constant
}

Contributions TaskEncoderImpl::contribute(const Maps& supports, const at::Tensor& masks,
                                          const at::Tensor& positions) {
  Contributions out;
  for (size_t i = 0; i < scales_.size(); ++i) {
    auto& scale = scales_[i];
    const auto& f = supports.features[i];
    const auto inside = supports.inside.empty() ? at::Tensor() : supports.inside[i];
    const auto m = pooled(masks, f).to(f.scalar_type());
    auto v = at::relu(scale.value0->forward(at::cat({scale.squeeze->forward(f), m}, 1)));
    v = at::cat({m, scale.value1->forward(v).to(f.scalar_type())}, 1);
    if (inside.defined()) v = v * inside.to(v.scalar_type());
    const auto logits = scale.bins->forward(f);
    const auto ridge = ridge_features(scale, f, inside);
    // Sums over tens of thousands of pixels and the solver below need the full precision.
    const runtime::Autocast full(f.device().type(), {});
    auto a = at::softmax(logits.to(at::kFloat), 1);
    if (inside.defined()) a = a * inside;
    a = a.flatten(2);
    const auto values = v.to(at::kFloat).flatten(2);
    const auto mask = m.to(at::kFloat).flatten(2);
    const double cells = static_cast<double>(a.size(2));
    Contributions::Scale s;
    s.sums = at::matmul(a, values.transpose(1, 2)) / cells;
    s.mass = a.mean(2, true);
    s.location = v.to(at::kFloat);
    s.inside = at::matmul(ridge * mask, ridge.transpose(1, 2)) / cells;
    s.outside = at::matmul(ridge, ridge.transpose(1, 2)) / cells - s.inside;
    out.scales.push_back(std::move(s));
  }
  const auto t = tokens(supports.features.back());
  const auto patch = mask_patch_->forward(masks.to(t.scalar_type()));
  out.keys = tokens_of(t + positions.to(t.scalar_type()));
  out.values = tokens_of(t + patch.to(t.scalar_type()));
  return out;
}

TaskState TaskEncoderImpl::combine(const Contributions& supports, int64_t tasks) {
  TaskState out;
  const auto mean = [&](const at::Tensor& x) { return mean_of_tasks(x, tasks); };
  {
    const runtime::Autocast full(supports.keys.device().type(), {});
    for (size_t i = 0; i < supports.scales.size(); ++i) {
      const auto& s = supports.scales[i];
      TaskState::Scale state;
      const auto mass = mean(s.mass);
      state.histogram = at::cat({mean(s.sums) / (mass + kEpsilon), at::log(mass + kEpsilon)}, 2);
      state.location = mean(s.location);
      // Both classes weigh the same, however small the target is.
      auto inside = mean(s.inside), outside = mean(s.outside);
      const int64_t last = inside.size(1) - 1;
      const auto corner = [&](const at::Tensor& x) {
        return x.slice(1, last).slice(2, last).clamp_min(kEpsilon);
      };
      inside = 0.5 * inside / corner(inside), outside = 0.5 * outside / corner(outside);
      const auto penalty = kPenalty * scales_[i].penalty.to(at::kFloat).exp();
      const auto eye = at::eye(last + 1, inside.options());
      const auto target = (inside - outside).select(2, last).unsqueeze(2);
      // In training what is not finite shows in the loss, which skips the step, and asking a GPU would hold
      // it up.
      const auto& [factor, info] = at::linalg_cholesky_ex(inside + outside + penalty * eye, false,
                                                          !at::GradMode::is_enabled() && !inside.is_cuda());
      state.ridge = at::cholesky_solve(target, factor).squeeze(2);
      out.scales.push_back(std::move(state));
    }
  }
  const int64_t dim = supports.keys.size(2), per_task = supports.keys.size(0) / tasks;
  const auto all = [&](const at::Tensor& x) { return x.reshape({tasks, -1, dim}); };
  auto z = latents_->weight.to(supports.keys.scalar_type()).unsqueeze(0).expand({tasks, -1, -1});
  const auto keys = all(supports.keys), values = all(supports.values);
  for (auto& block : distill_) z = block->forward(z, {}, keys, values);
  z = memory_norm_->forward(z);
  // What lies where on average.
  const int64_t cells = supports.keys.size(1);
  const auto grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(cells))));
  const auto place = [&](const at::Tensor& x) {
    const auto map =
        x.view({tasks, per_task, cells, dim}).mean(1).transpose(1, 2).reshape({tasks, dim, grid, grid});
    return tokens_of(grid > kPlaces ? at::adaptive_avg_pool2d(map, {kPlaces, kPlaces}) : map);
  };
  out.keys = at::cat({z, place(supports.keys).to(z.scalar_type())}, 1);
  out.values = at::cat({z, place(supports.values).to(z.scalar_type())}, 1);
  out.tokens = token_out_->forward(z.slice(1, 0, config.tokens));
  return out;
}

at::Tensor TaskEncoderImpl::read(Scale& scale, const TaskState::Scale& state, const Maps& queries,
                                 size_t index) {
  const auto& f = queries.features[index];
  const auto inside = queries.inside.empty() ? at::Tensor() : queries.inside[index];
  const int64_t rows = f.size(0), count = rows / state.histogram.size(0), h = f.size(2), w = f.size(3);
  const auto logits = scale.bins->forward(f);
  const auto x = ridge_features(scale, f, inside);
  const runtime::Autocast full(f.device().type(), {});
  const auto a = at::softmax(logits.to(at::kFloat), 1).flatten(2);
  const auto statistics =
      at::matmul(repeated(state.histogram, count).transpose(1, 2), a).view({rows, -1, h, w});
  const auto score = at::matmul(repeated(state.ridge, count).unsqueeze(1), x).view({rows, 1, h, w});
  return at::cat({statistics, repeated(state.location, count), score}, 1);
}

DensePrediction TaskEncoderImpl::predict(const Maps& queries, const TaskState& state,
                                         const at::Tensor& positions) {
  const auto& coarse = queries.features.back();
  const int64_t rows = coarse.size(0), count = rows / state.keys.size(0), h = coarse.size(2),
                w = coarse.size(3);
  auto x = tokens_of(tokens(coarse));
  const auto pe = tokens_of(positions.to(x.scalar_type()));
  const auto keys = repeated(state.keys, count), values = repeated(state.values, count);
  for (auto& block : attend_) x = block->forward(x, pe, keys, values);
  std::vector<at::Tensor> reads, summary;
  for (size_t i = 0; i < scales_.size(); ++i) {
    reads.push_back(read(scales_[i], state.scales[i], queries, i).to(x.scalar_type()));
    summary.push_back(tokens_of(pooled(reads.back(), coarse)));
  }
  // Many places look like the target; which of them is it? They look at each other to tell.
  x = x + fuse_->forward(at::cat(summary, 2));
  for (auto& block : joint_) x = block->forward(x, pe);
  x = read_norm_->forward(x)
          .transpose(1, 2)
          .reshape({rows, -1, h, w})
          .contiguous(at::MemoryFormat::ChannelsLast);
  for (size_t i = scales_.size(); i-- > 0;) {
    const auto& f = queries.features[i];
    if (i + 1 < scales_.size()) {
      x = at::upsample_bilinear2d(x, {f.size(2), f.size(3)}, false);
      x = at::cat({x, f.to(x.scalar_type()), reads[i]}, 1);
    } else {
      x = at::cat({x, reads[i]}, 1);
    }
    x = up_[i]->forward(x.contiguous(at::MemoryFormat::ChannelsLast));
  }
  DensePrediction out;
  out.logits = head_->forward(x).to(at::kFloat);
  out.tokens = repeated(state.tokens, count);
  return out;
}

}  // namespace gmiseg::support
