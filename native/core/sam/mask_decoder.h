// Image embedding and encoded prompts -> low-resolution mask logits and predicted IoU.
#pragma once

#include <vector>

#include "sam/image_encoder.h"
#include "sam/prompt_encoder.h"
#include "sam/two_way_transformer.h"

namespace gmiseg::sam {

struct DecodedMasks {
  at::Tensor logits;  // [P, M, low_res, low_res]
  at::Tensor iou;     // [P, M], predicted, no sigmoid
};

// Which of the four masks: 0 (one answer), 1..3 (whole, part, subpart) or all.
enum class MaskChoice { kSingle, kMulti, kAll };

class MaskDecoderImpl : public torch::nn::Module {
 public:
  explicit MaskDecoderImpl(const SamConfig& config);
  // What the transformer's first layer makes of one image without a mask prompt, whatever is asked then: a
  // quarter of what a single prompt costs.
  using FirstLook = TwoWayBlockImpl::ImageSide;
  FirstLook look(const ImageFeatures& features, const at::Tensor& positions, const EncodedPrompts& prompts);
  // Features of B images, positions [1, C, g, g], P prompts: P / B of each image, image by image. `seen`: the
  // first look at them, where it was kept.
  DecodedMasks forward(const ImageFeatures& features, const at::Tensor& positions,
                       const EncodedPrompts& prompts, MaskChoice choice, const FirstLook* seen = nullptr);

 private:
  static constexpr int64_t kMaskTokens = 4;
  // After the transformer's first layer. maps: what the stem adds while the map is scaled up, finest first, a
  // row each or one for all; empty without a stem.
  DecodedMasks finish(const TwoWayTransformerImpl::State& state, const std::vector<at::Tensor>& maps,
                      const at::Tensor& positions, const at::Tensor& tokens, MaskChoice choice);
  // Image tokens [P, g * g, C] and a mask's weights of channels [P, M, C / 8] -> masks [P, M, 4 g, 4 g];
  // without a stem, and with one.
  at::Tensor upscaled(const at::Tensor& image, const at::Tensor& mixing, int64_t height, int64_t width);
  at::Tensor upscaled(const at::Tensor& image, const std::vector<at::Tensor>& maps, const at::Tensor& mixing,
                      int64_t height, int64_t width);
  TwoWayTransformer transformer_{nullptr};
  Embedding iou_token_{nullptr}, mask_tokens_{nullptr};
  UpConv2d up0_{nullptr}, up3_{nullptr};
  LayerNorm2d up1_{nullptr};
  // With a stem: its channels to those of the scaled-up map, and a look around after each.
  Conv2d skip0_{nullptr}, skip1_{nullptr}, mix0_{nullptr}, mix1_{nullptr};
  std::vector<Mlp> hypernetworks_;
  Mlp iou_head_{nullptr};
};
TORCH_MODULE(MaskDecoder);

}  // namespace gmiseg::sam
