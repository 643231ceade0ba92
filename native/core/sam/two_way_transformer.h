// The decoder's transformer: tokens attend to the image and the image to tokens.
#pragma once

#include <utility>
#include <vector>

#include "sam/config.h"
#include "sam/layers.h"

namespace gmiseg::sam {

// Multi-head attention with an internal width of dim / downsample.
class DecoderAttentionImpl : public torch::nn::Module {
 public:
  DecoderAttentionImpl(int64_t dim, int64_t heads, int64_t downsample);
  // Projected, by head: [B, heads, N, inner / heads].
  at::Tensor queries_of(const at::Tensor& q);
  struct Sources {
    at::Tensor keys, values;
  };
  Sources sources_of(const at::Tensor& k, const at::Tensor& v);
  // -> [B, N, dim]; where one of B is 1, it is shared by the rows of the other.
  at::Tensor forward(const at::Tensor& queries, const Sources& sources);
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return forward(queries_of(q), sources_of(k, v));
  }

 private:
  at::Tensor by_head(const at::Tensor& x) const;

  int64_t heads_;
  Linear q_proj_{nullptr}, k_proj_{nullptr}, v_proj_{nullptr}, out_proj_{nullptr};
};
TORCH_MODULE(DecoderAttention);

class TwoWayBlockImpl : public torch::nn::Module {
 public:
  // skip_first_pe: the first layer attends without positions and without a residual.
  TwoWayBlockImpl(const SamConfig& config, bool skip_first_pe);
  // What it makes of an image before any token has looked at it.
  struct ImageSide {
    at::Tensor keys;                        // as they came, [B, g * g, C]
    DecoderAttentionImpl::Sources sources;  // for tokens that look at the image
    at::Tensor queries;                     // of the image, which looks at tokens
  };
  ImageSide look(const at::Tensor& keys, const at::Tensor& key_pe);
  // -> queries and keys.
  std::pair<at::Tensor, at::Tensor> forward(at::Tensor queries, const ImageSide& image,
                                            const at::Tensor& query_pe);

 private:
  bool skip_first_pe_;
  DecoderAttention self_attn_{nullptr}, token_to_image_{nullptr}, image_to_token_{nullptr};
  LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr}, norm4_{nullptr};
  Linear lin1_{nullptr}, lin2_{nullptr};
};
TORCH_MODULE(TwoWayBlock);

class TwoWayTransformerImpl : public torch::nn::Module {
 public:
  explicit TwoWayTransformerImpl(const SamConfig& config);
  struct State {
    at::Tensor queries;  // [B, N, C]
    at::Tensor keys;     // [B, g * g, C]
  };
  // The first layer: image [B or 1, C, g, g], positions [1, C, g, g]; its answer to tokens [B, N, C]. One
  // image for all rows is projected once.
  TwoWayBlockImpl::ImageSide look(const at::Tensor& image, const at::Tensor& positions);
  State begin(const TwoWayBlockImpl::ImageSide& image, const at::Tensor& tokens);
  // The other layers -> tokens [B, N, C], image [B, g * g, C].
  State finish(const State& state, const at::Tensor& positions, const at::Tensor& tokens);

 private:
  std::vector<TwoWayBlock> layers_;
  DecoderAttention final_attn_{nullptr};
  LayerNorm norm_final_{nullptr};
};
TORCH_MODULE(TwoWayTransformer);

}  // namespace gmiseg::sam
