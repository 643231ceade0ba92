#include "sam/two_way_transformer.h"

#include <ATen/Functions.h>
#include <torch/types.h>

#include <cmath>

#include "runtime/one_thread.h"

namespace gmiseg::sam {

namespace {

// Of one head: beyond, the fused kernel is the better one.
constexpr int64_t kMostScores = int64_t{1} << 19;
// As many times as many queries as keys are worth another layout of the scores.
constexpr int64_t kManyQueries = 8;

// Products of so few tokens are done before a second thread is awake.
constexpr int64_t kFewTokens = 32;

bool few(const at::Tensor& tokens) {
  return tokens.is_cpu() && tokens.size(0) * tokens.size(1) <= kFewTokens;
}

// [B, C, g, g] -> [B, g * g, C]
at::Tensor tokens_of(const at::Tensor& map) { return map.flatten(2).transpose(1, 2); }

}  // namespace

DecoderAttentionImpl::DecoderAttentionImpl(int64_t dim, int64_t heads, int64_t downsample) : heads_(heads) {
  const int64_t inner = dim / downsample;
  q_proj_ = register_module("q_proj", Linear(dim, inner));
  k_proj_ = register_module("k_proj", Linear(dim, inner));
  v_proj_ = register_module("v_proj", Linear(dim, inner));
  out_proj_ = register_module("out_proj", Linear(inner, dim));
}

at::Tensor DecoderAttentionImpl::by_head(const at::Tensor& x) const {
  return x.view({x.size(0), x.size(1), heads_, x.size(2) / heads_}).transpose(1, 2);
}

at::Tensor DecoderAttentionImpl::queries_of(const at::Tensor& q) { return by_head(q_proj_->forward(q)); }

DecoderAttentionImpl::Sources DecoderAttentionImpl::sources_of(const at::Tensor& k, const at::Tensor& v) {
  return {by_head(k_proj_->forward(k)), by_head(v_proj_->forward(v))};
}

at::Tensor DecoderAttentionImpl::forward(const at::Tensor& queries, const Sources& sources) {
  const auto& [keys, values] = sources;
  const double scale = 1.0 / std::sqrt(static_cast<double>(queries.size(3)));
  at::Tensor answers;
  if (queries.size(2) * keys.size(2) > kMostScores) {
    // Image tokens that look at image tokens: their scores alone would fill the memory.
    answers = at::scaled_dot_product_attention(queries, keys, values, {}, 0.0, false, scale);
  } else if (queries.size(2) > kManyQueries * keys.size(2)) {
    // Scores lie with the queries side by side: a softmax over a few keys has nothing to fill a vector with.
    const auto scores = at::matmul(keys * scale, queries.transpose(2, 3));
    answers = at::matmul(at::softmax(scores, 2).transpose(2, 3), values);
  } else {
    answers = at::matmul(at::softmax(at::matmul(queries, keys.transpose(2, 3)) * scale, -1), values);
  }
  const auto out = answers.transpose(1, 2);
  return out_proj_->forward(out.reshape({out.size(0), out.size(1), out.size(2) * out.size(3)}));
}

TwoWayBlockImpl::TwoWayBlockImpl(const SamConfig& config, bool skip_first_pe)
    : skip_first_pe_(skip_first_pe) {
  const int64_t dim = config.prompt_embed_dim, heads = config.decoder_num_heads;
  const double eps = config.decoder_norm_eps;
  self_attn_ = register_module("self_attn", DecoderAttention(dim, heads, 1));
  norm1_ = register_module("norm1", LayerNorm(dim, eps));
  token_to_image_ = register_module("cross_attn_token_to_image", DecoderAttention(dim, heads, 2));
  norm2_ = register_module("norm2", LayerNorm(dim, eps));
  auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  lin1_ = mlp->register_module("lin1", Linear(dim, config.decoder_mlp_dim));
  lin2_ = mlp->register_module("lin2", Linear(config.decoder_mlp_dim, dim));
  norm3_ = register_module("norm3", LayerNorm(dim, eps));
  norm4_ = register_module("norm4", LayerNorm(dim, eps));
  image_to_token_ = register_module("cross_attn_image_to_token", DecoderAttention(dim, heads, 2));
}

TwoWayBlockImpl::ImageSide TwoWayBlockImpl::look(const at::Tensor& keys, const at::Tensor& key_pe) {
  const auto placed = keys + key_pe;
  return {keys, token_to_image_->sources_of(placed, keys), image_to_token_->queries_of(placed)};
}

std::pair<at::Tensor, at::Tensor> TwoWayBlockImpl::forward(at::Tensor queries, const ImageSide& image,
                                                           const at::Tensor& query_pe) {
  at::Tensor asked;
  {
    const runtime::OneThread alone(few(queries));
    if (skip_first_pe_) {
      queries = self_attn_->forward(queries, queries, queries);
    } else {
      const auto q = queries + query_pe;
      queries = queries + self_attn_->forward(q, q, queries);
    }
    queries = norm1_->forward(queries);
    asked = token_to_image_->queries_of(queries + query_pe);
  }
  const auto told = token_to_image_->forward(asked, image.sources);
  DecoderAttentionImpl::Sources tokens;
  {
    const runtime::OneThread alone(few(queries));
    queries = norm2_->forward(queries + told);
    queries = norm3_->forward(queries + lin2_->forward(at::relu(lin1_->forward(queries))));
    tokens = image_to_token_->sources_of(queries + query_pe, queries);
  }
  return {queries, norm4_->forward(image.keys + image_to_token_->forward(image.queries, tokens))};
}

TwoWayTransformerImpl::TwoWayTransformerImpl(const SamConfig& config) {
  auto list = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < 2; ++i) {
    layers_.push_back(list->register_module(std::to_string(i), TwoWayBlock(config, i == 0)));
  }
  final_attn_ = register_module("final_attn_token_to_image",
                                DecoderAttention(config.prompt_embed_dim, config.decoder_num_heads, 2));
  norm_final_ = register_module("norm_final_attn", LayerNorm(config.prompt_embed_dim, 1e-5));
}

TwoWayBlockImpl::ImageSide TwoWayTransformerImpl::look(const at::Tensor& image, const at::Tensor& positions) {
  return layers_.front()->look(tokens_of(image), tokens_of(positions));
}

TwoWayTransformerImpl::State TwoWayTransformerImpl::begin(const TwoWayBlockImpl::ImageSide& image,
                                                          const at::Tensor& tokens) {
  const auto [queries, keys] = layers_.front()->forward(tokens, image, tokens);
  return {queries, keys};
}

TwoWayTransformerImpl::State TwoWayTransformerImpl::finish(const State& state, const at::Tensor& positions,
                                                           const at::Tensor& tokens) {
  auto [queries, keys] = state;
  const auto key_pe = tokens_of(positions);
  for (size_t i = 1; i < layers_.size(); ++i)
    std::tie(queries, keys) = layers_[i]->forward(queries, layers_[i]->look(keys, key_pe), tokens);
  const auto out = final_attn_->forward(queries + tokens, keys + key_pe, keys);
  return {norm_final_->forward(queries + out), keys};
}

}  // namespace gmiseg::sam
