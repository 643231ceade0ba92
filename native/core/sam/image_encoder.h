// SAM's image encoder: a ViT with windowed attention, a few global blocks,
// decomposed relative positions and a convolutional neck.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "runtime/progress.h"
#include "sam/config.h"
#include "sam/layers.h"

namespace gmiseg::sam {

// What an adapter adds to the query and value projections of a block. The
// input is what the fused qkv layer sees: [B, H, W, D], windows included.
class QvBypass {
 public:
  virtual ~QvBypass() = default;
  // Additions to q and v, each [B, H, W, D].
  virtual std::pair<at::Tensor, at::Tensor> operator()(int64_t block, const at::Tensor& x) = 0;
  // Each token's addition depends on that token alone, and is zero where it is: windows make no difference.
  virtual bool tokenwise() const { return true; }
  // The first block that it adds to.
  virtual int64_t first_block() const { return 0; }
  // Whether a gradient is wanted for what is in it.
  virtual bool learns() const { return true; }
};

class AttentionImpl : public torch::nn::Module {
 public:
  // size: tokens a side, of the window or of the whole grid. window: 0 = attention is global.
  AttentionImpl(int64_t dim, int64_t heads, int64_t size, int64_t window);
  // [B, H, W, D] -> same, added to `other`.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& other, int64_t block, QvBypass* bypass);
  // What forward does on a GPU between its two layers where nothing is learned, [B, H, W, 3 D] -> [B, H, W,
  // D]; runs everywhere.
  at::Tensor attend_on_gpu(const at::Tensor& all) const;

  Linear qkv{nullptr}, proj{nullptr};
  at::Tensor rel_pos_h, rel_pos_w;  // [2 size - 1, D / heads]

 private:
  bool fuses(const at::Tensor& x, const QvBypass* bypass) const;
  // Queries, keys and values, [B, H, W, D] -> [B, H, W, 3 D], contiguous.
  at::Tensor project(const at::Tensor& x, int64_t block, QvBypass* bypass);
  // [B, H, W, 3 D] -> [B, H, W, D]: of all tokens, or of the windows that they lie in.
  at::Tensor attend(const at::Tensor& all) const;
  at::Tensor attend_fused(const at::Tensor& all) const;

  int64_t heads_, window_;
};
TORCH_MODULE(Attention);

class MlpBlockImpl : public torch::nn::Module {
 public:
  MlpBlockImpl(int64_t dim, int64_t hidden);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& other);  // added to `other`

 private:
  Linear lin1_{nullptr}, lin2_{nullptr};
};
TORCH_MODULE(MlpBlock);

class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(const SamConfig& config, int64_t index);
  at::Tensor forward(const at::Tensor& x, QvBypass* bypass);  // [B, H, W, D] -> same

  Attention attn{nullptr};

 private:
  int64_t index_;
  LayerNorm norm1_{nullptr}, norm2_{nullptr};
  MlpBlock mlp_{nullptr};
};
TORCH_MODULE(Block);

// Two halvings of the picture by plain convolutions; see SamConfig::stem.
class StemImpl : public torch::nn::Module {
 public:
  explicit StemImpl(const SamConfig& config);
  // [B, 3, S, S] -> [B, stem[0], 4 grid, 4 grid] and [B, stem[1], 2 grid, 2 grid]
  std::vector<at::Tensor> forward(const at::Tensor& image);

 private:
  struct Level {
    Conv2d down{nullptr}, conv{nullptr};
    LayerNorm2d norm0{nullptr}, norm1{nullptr};
  };
  std::vector<Level> levels_;
};
TORCH_MODULE(Stem);

// What the mask decoder needs of B images.
struct ImageFeatures {
  at::Tensor embedding;              // [B, prompt_embed_dim, grid, grid]
  std::vector<at::Tensor> high_res;  // the stem's outputs, or none
};

// An image on its way through the encoder.
struct Halfway {
  int64_t block = 0;  // the next one
  at::Tensor x;       // what it gets, [B, H, W, D]
  std::vector<at::Tensor> high_res;
};

struct EncodeOptions {
  QvBypass* bypass = nullptr;
  // Of which blocks activations are recomputed in the backward pass instead of kept; empty = of none.
  std::vector<bool> recompute;
  // Called with each block's output [B, H, W, D].
  std::function<void(int64_t block, const at::Tensor&)> on_block;
};

class ImageEncoderImpl : public torch::nn::Module {
 public:
  explicit ImageEncoderImpl(const SamConfig& config);
  // [B, 3, S, S] preprocessed pixels. Polls `progress` between blocks.
  ImageFeatures forward(const at::Tensor& image, const EncodeOptions& options, const Progress& progress);
  // The same in two parts, up to a block and from there on. Before `first_learning` no gradient is wanted.
  Halfway begin(const at::Tensor& image, int64_t until, const EncodeOptions& options,
                const Progress& progress);
  ImageFeatures finish(Halfway from, const EncodeOptions& options, const Progress& progress);
  // The first block whose input or own additions learn; the number of blocks where none does.
  int64_t first_learning(const QvBypass* bypass) const;

  // Weights of all linear layers laid out for inference on the CPU, see Linear::pack. Whoever reads, changes
  // or trains them unpacks first.
  void pack();
  void unpack();

  at::Tensor pos_embed;  // [1, grid, grid, D]
  std::vector<Block> blocks;

 private:
  at::Tensor pass(at::Tensor x, int64_t from, int64_t until, const EncodeOptions& options,
                  const Progress& progress);

  Stem stem_{nullptr};
  Conv2d patch_proj_{nullptr};
  Conv2d neck0_{nullptr}, neck2_{nullptr};
  LayerNorm2d neck1_{nullptr}, neck3_{nullptr};
};
TORCH_MODULE(ImageEncoder);

// [B, H, W, C] -> [B * windows, window, window, C]; windows run batch, row, column. Below and right there is
// `padding` [C] where they overlap the edge, or zeros where that is undefined.
at::Tensor window_partition(const at::Tensor& x, int64_t window, const at::Tensor& padding);
// The inverse, cropped to [B, height, width, C].
at::Tensor window_unpartition(const at::Tensor& windows, int64_t window, int64_t height, int64_t width);

}  // namespace gmiseg::sam
