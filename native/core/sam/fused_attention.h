// Attention with SAM's decomposed position bias as one kernel on the CPU: no score matrix, no copy of the
// windows, no work for padded queries.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace gmiseg::sam {

// Whether this processor has the instructions that the kernel's matrix products need.
bool has_fused_attention(at::ScalarType dtype);

struct FusedAttention {
  at::Tensor out;       // [B, H, W, heads * d]
  at::Tensor log_sums;  // [B, H, W, heads], float32: the logarithm of a query's sum of exponents
};

// qkv: [B, H, W, 3 * heads * d], contiguous, float32 or bfloat16; d a multiple of 2. window: tokens a side, 0
// = the whole grid. padding: [3 * heads * d], what tokens beyond the grid hold (the bias of the qkv layer:
// padding is zeros before it). Such tokens are keys, as in the reference, but ask nothing. table_h, table_w:
// [2 n - 1, d], relative positions of n tokens a side, n = window or the grid's side.
FusedAttention fused_attention(const at::Tensor& qkv, const at::Tensor& padding, const at::Tensor& table_h,
                               const at::Tensor& table_w, int64_t heads, int64_t window,
                               bool with_log_sums = false);

// What a loss's gradient after `out` means for the inputs; each as the input is. Scores are found anew.
struct FusedAttentionGradient {
  at::Tensor qkv;
  at::Tensor padding, table_h, table_w;  // undefined where not wanted
};
struct Wanted {
  bool padding, tables;
};
FusedAttentionGradient fused_attention_backward(const at::Tensor& qkv, const at::Tensor& padding,
                                                const at::Tensor& table_h, const at::Tensor& table_w,
                                                int64_t heads, int64_t window, const FusedAttention& found,
                                                const at::Tensor& gradient, const Wanted& wanted);

// Whether there is a way back: float32 on a processor with AVX2.
bool has_fused_attention_backward(at::ScalarType dtype);
// fused_attention().out with gradients.
at::Tensor differentiable_attention(const at::Tensor& qkv, const at::Tensor& padding,
                                    const at::Tensor& table_h, const at::Tensor& table_w, int64_t heads,
                                    int64_t window);

}  // namespace gmiseg::sam
