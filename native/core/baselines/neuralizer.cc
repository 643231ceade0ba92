#include "baselines/neuralizer.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace gmiseg::baselines {

namespace {

constexpr int64_t kChannels = 3;

at::Tensor run(std::vector<sam::Conv2d>& convs, const at::Tensor& x) {
  auto y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    if (i > 0) y = at::gelu(y);
    y = convs[i]->forward(y);
  }
  return at::gelu(x + y);
}

// In the first of three channels.
at::Tensor first_of_three(const at::Tensor& x) {
  return at::constant_pad_nd(x, {0, 0, 0, 0, 0, kChannels - 1});
}

}  // namespace

Neuralizer::Residual Neuralizer::residual(const std::string& name) {
  Residual out;
  for (int64_t i = 0; i < config.convs; ++i) {
    out.push_back(
        nested_conv(*this, name + ".layers." + std::to_string(2 * i), config.width, config.width, 3));
  }
  return out;
}

Neuralizer::Neuralizer(const Config& config) : InContext(config) {
  const int64_t width = config.width;
  widths_.assign(static_cast<size_t>(config.stages), width);
  target_embedding_ = nested_conv(*this, "target_embedding", kChannels, width, 1);
  context_embedding_ = nested_conv(*this, "context_embedding.module", 2 * kChannels, width, 1);
  for (int64_t i = 0; i < levels(); ++i) {
    const std::string name = i < config.stages ? "enc_blocks." + std::to_string(i)
                                               : "dec_blocks." + std::to_string(i - config.stages);
    Block block;
    block.context = residual(name + ".context_conv.module");
    block.target = residual(name + ".target_conv");
    block.combine_target = nested_conv(*this, name + ".combine_conv_target.module", 2 * width, width, 1);
    block.combine_context = nested_conv(*this, name + ".combine_conv_context.module", 2 * width, width, 1);
    blocks_.push_back(std::move(block));
  }
  for (int64_t i = 0; i + 1 < config.stages; ++i) {
    const std::string name = "upsample_blocks." + std::to_string(i);
    joins_.push_back({nested_conv(*this, name + ".context_conv_layer.module", 2 * width, width, 1),
                      nested_conv(*this, name + ".target_conv_layer", 2 * width, width, 1)});
  }
  out_ = residual("output_block.block.0");
  head_ = nested_conv(*this, "output_block.block.1", width, kChannels, 1);
}

void Neuralizer::init(uint64_t seed) { sam::init_weights(*this, seed); }

at::Tensor Neuralizer::target_of(const at::Tensor& images) const { return first_of_three(images); }

at::Tensor Neuralizer::context_of(const at::Tensor& images, const at::Tensor& masks) const {
  return at::cat({first_of_three(images), first_of_three(masks)}, -3);
}

at::Tensor Neuralizer::logits_of(const at::Tensor& output) const {
  // Raw values are cut at one half.
  constexpr double kSteepness = 10;
  const auto x = output.slice(1, 0, 1);
  return config.activation == "none" ? kSteepness * (x - 0.5) : x;
}

at::Tensor Neuralizer::probability_of(const at::Tensor& output) const {
  const auto x = output.slice(1, 0, 1);
  return config.activation == "none" ? x.clamp(0, 1) : x.sigmoid();
}

at::Tensor Neuralizer::begin(Side side, const at::Tensor& input) {
  return (side == Side::kTarget ? target_embedding_ : context_embedding_)->forward(input);
}

at::Tensor Neuralizer::told(int64_t level, const at::Tensor& target) {
  return run(blocks_[static_cast<size_t>(level)].target, target);
}

at::Tensor Neuralizer::noted(int64_t level, const at::Tensor& contexts) {
  return run(blocks_[static_cast<size_t>(level)].context, contexts);
}

// The mean over the contexts commutes with the 1 x 1 convolution of (context, target).
at::Tensor Neuralizer::next_target(int64_t level, const at::Tensor& told, const at::Tensor& mean_noted) {
  const auto& combine = blocks_[static_cast<size_t>(level)].combine_target;
  return at::gelu(told + conv_part(told, combine->weight, config.width, combine->bias) +
                  conv_part(mean_noted, combine->weight, 0, {}));
}

at::Tensor Neuralizer::next_context(int64_t level, const at::Tensor& noted, const at::Tensor& told) {
  const auto& combine = blocks_[static_cast<size_t>(level)].combine_context;
  return at::gelu(add_to_each(noted + conv_part(noted, combine->weight, 0, {}),
                              conv_part(told, combine->weight, config.width, combine->bias)));
}

at::Tensor Neuralizer::enlarged(const at::Tensor& x) const {
  return at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/false);
}

at::Tensor Neuralizer::joined(Side side, int64_t level, const at::Tensor& both) {
  auto& join = joins_[static_cast<size_t>(level - stages())];
  return (side == Side::kTarget ? join.target : join.context)->forward(both);
}

at::Tensor Neuralizer::end(const at::Tensor& target) { return head_->forward(run(out_, target)); }

}  // namespace gmiseg::baselines
