import type { ModelConfig } from '../load-options.js';

/**
 * Floating-point operations that one embedding needs, two for a multiplication with its addition. With g the grid's
 * side, T = g^2 patches, D the width, M that of the MLP, C the channels of the neck and p a patch's side:
 *
 * - patches: 2 T D 3 p^2
 * - a block's linear layers (query, key, value, projection, MLP): 2 T (4 D^2 + 2 D M)
 * - its attention (scores and sum over the values): 4 T K D, with K = T keys in a global block and K = w^2 in
 *   windows of w; padded keys of a window count, since the reference attends to them, padded queries do not
 * - its relative positions, rows and columns of k = sqrt(K) keys: 4 T D k
 * - the neck, 1 x 1 and 3 x 3: 2 T D C + 18 T C^2
 *
 * Norms, softmax, GELU and sums are left out: below one per cent. 2.84e12 for ViT-L at 1024 pixels. A convolutional stem is not counted
 * either.
 */
export function encoderFlops(config: ModelConfig): number {
  const { patch_size, embed_dim: D, depth, prompt_embed_dim: C, window_size } = config;
  const grid = config.image_size / patch_size;
  const T = grid * grid;
  const M = config.mlp_dim || 4 * D;
  const linear = 2 * T * (4 * D * D + 2 * D * M);
  const attention = (side: number): number => 4 * T * side * side * D + 4 * T * D * side;
  const global = config.global_attn_indexes.length;
  const blocks = depth * linear + global * attention(grid) + (depth - global) * attention(window_size);
  return 2 * T * D * 3 * patch_size ** 2 + blocks + 2 * T * D * C + 18 * T * C * C;
}
