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
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);  // [B, N, dim]

 private:
  int64_t heads_;
  Linear q_proj_{nullptr}, k_proj_{nullptr}, v_proj_{nullptr}, out_proj_{nullptr};
};
TORCH_MODULE(DecoderAttention);

class TwoWayBlockImpl : public torch::nn::Module {
 public:
  // skip_first_pe: the first layer attends without positions and without a residual.
  TwoWayBlockImpl(const SamConfig& config, bool skip_first_pe);
  std::pair<at::Tensor, at::Tensor> forward(at::Tensor queries, at::Tensor keys, const at::Tensor& query_pe,
                                            const at::Tensor& key_pe);

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
  // image, positions [B or 1, C, g, g], tokens [B, N, C] -> tokens [B, N, C], image [B, g * g, C].
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& image, const at::Tensor& positions,
                                            const at::Tensor& tokens);

 private:
  std::vector<TwoWayBlock> layers_;
  DecoderAttention final_attn_{nullptr};
  LayerNorm norm_final_{nullptr};
};
TORCH_MODULE(TwoWayTransformer);

}  // namespace gmiseg::sam
