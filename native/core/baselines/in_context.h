// What UniverSeg and Neuralizer have in common: a U-Net over a target and one over each context, which meet
// at every level. A context hears of the target; the target hears of the contexts through a mean alone, so
// neither their order nor repeating them all matters.
#pragma once

#include <vector>

#include "baselines/network.h"

namespace gmiseg::baselines {

class InContext : public Network {
 public:
  using Network::Network;

  // target [B, C, H, W], contexts [B, N, C', H, W] as the published networks take them; their output, with
  // gradients.
  at::Tensor forward(const at::Tensor& target, const at::Tensor& contexts);
  // The same for one target and contexts [N, C', H, W], worked on `together` at a time. Of the first `kept`
  // what they have come to is kept from level to level; the others' is found anew for each, so that memory
  // does not grow with N.
  at::Tensor forward_in_parts(const at::Tensor& target, const at::Tensor& contexts, int64_t together,
                              int64_t kept, const Progress& progress);

  // Logits [B, 1, S, S] for pictures [B, 1, S, S] from supports and masks [B, N, 1, S, S], with gradients.
  at::Tensor logits(const at::Tensor& images, const at::Tensor& supports, const at::Tensor& masks);
  bool in_context() const override { return true; }
  at::Tensor predict(const at::Tensor& image, const Support& support, const Progress& progress) override;

 protected:
  enum class Side { kTarget, kContext };

  // Pictures and masks, [..., 1, H, W], as the network takes them.
  virtual at::Tensor target_of(const at::Tensor& images) const = 0;
  virtual at::Tensor context_of(const at::Tensor& images, const at::Tensor& masks) const = 0;
  // Channel 0 of the output as logits, and as a probability.
  virtual at::Tensor logits_of(const at::Tensor& output) const = 0;
  virtual at::Tensor probability_of(const at::Tensor& output) const = 0;

  int64_t stages() const { return static_cast<int64_t>(widths_.size()); }
  // Encoder levels, then decoder levels.
  int64_t levels() const { return 2 * stages() - 1; }
  virtual at::Tensor begin(Side side, const at::Tensor& input) = 0;
  // What contexts hear of the target, and what the target takes the mean of.
  virtual at::Tensor told(int64_t level, const at::Tensor& target) = 0;
  virtual at::Tensor noted(int64_t level, const at::Tensor& contexts) = 0;
  // A level's output; `told` [B, ...] is for each of B * N contexts.
  virtual at::Tensor next_target(int64_t level, const at::Tensor& told, const at::Tensor& mean_noted) = 0;
  virtual at::Tensor next_context(int64_t level, const at::Tensor& noted, const at::Tensor& told) = 0;
  // Twice the size, before and after the skip joins.
  virtual at::Tensor enlarged(const at::Tensor& x) const = 0;
  virtual at::Tensor joined(Side side, int64_t level, const at::Tensor& both) = 0;
  virtual at::Tensor end(const at::Tensor& target) = 0;

  std::vector<int64_t> widths_;  // channels a stage

 private:
  struct Walk {
    at::Tensor x;                   // output of the level before, halved in the encoder
    std::vector<at::Tensor> skips;  // of the encoder
  };
  // Makes walk.x the level's input, and takes its output in.
  void enter(Side side, int64_t level, Walk& walk);
  void leave(int64_t level, Walk& walk, const at::Tensor& output);
};

}  // namespace gmiseg::baselines
