#include "baselines/cyclegan.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

namespace gmiseg::baselines {

namespace {

std::string layer(int64_t index) { return "model." + std::to_string(index); }

at::Tensor reflected(const at::Tensor& x, int64_t by) { return at::reflection_pad2d(x, {by, by, by, by}); }

at::Tensor norm_relu(const at::Tensor& x) { return at::relu(instance_norm(x)); }

}  // namespace

EnlargingConvImpl::EnlargingConvImpl(int64_t in, int64_t out) {
  weight = register_parameter("weight", torch::empty({in, out, 3, 3}));
  bias = register_parameter("bias", torch::empty({out}));
}
at::Tensor EnlargingConvImpl::forward(const at::Tensor& x) {
  return at::conv_transpose2d(x, weight, bias, {2, 2}, {1, 1}, {1, 1});
}

// The indices count paddings, norms and activations too, as the authors' sequences do.
GeneratorImpl::GeneratorImpl(int64_t width, int64_t blocks) {
  first_ = nested_conv(*this, layer(1), 1, width, 7, 1, 0);
  down_.push_back(nested_conv(*this, layer(4), width, 2 * width, 3, 2, 1));
  down_.push_back(nested_conv(*this, layer(7), 2 * width, 4 * width, 3, 2, 1));
  for (int64_t i = 0; i < blocks; ++i) {
    const auto name = layer(10 + i) + ".conv_block.";
    blocks_.emplace_back(nested_conv(*this, name + "1", 4 * width, 4 * width, 3, 1, 0),
                         nested_conv(*this, name + "5", 4 * width, 4 * width, 3, 1, 0));
  }
  up_.push_back(nest(*this, layer(10 + blocks), EnlargingConv(4 * width, 2 * width)));
  up_.push_back(nest(*this, layer(13 + blocks), EnlargingConv(2 * width, width)));
  last_ = nested_conv(*this, layer(17 + blocks), width, 1, 7, 1, 0);
}

at::Tensor GeneratorImpl::forward(at::Tensor x) {
  x = norm_relu(first_->forward(reflected(x, 3)));
  for (auto& conv : down_) x = norm_relu(conv->forward(x));
  for (auto& [one, two] : blocks_) {
    const auto y = norm_relu(one->forward(reflected(x, 1)));
    x = x + instance_norm(two->forward(reflected(y, 1)));
  }
  for (auto& conv : up_) x = norm_relu(conv->forward(x));
  return at::tanh(last_->forward(reflected(x, 3)));
}

DiscriminatorImpl::DiscriminatorImpl(int64_t width) {
  convs_ = {nested_conv(*this, layer(0), 1, width, 4, 2, 1),
            nested_conv(*this, layer(2), width, 2 * width, 4, 2, 1),
            nested_conv(*this, layer(5), 2 * width, 4 * width, 4, 2, 1),
            nested_conv(*this, layer(8), 4 * width, 8 * width, 4, 1, 1),
            nested_conv(*this, layer(11), 8 * width, 1, 4, 1, 1)};
}

at::Tensor DiscriminatorImpl::forward(at::Tensor x) {
  for (size_t i = 0; i < convs_.size(); ++i) {
    x = convs_[i]->forward(x);
    if (i + 1 == convs_.size()) break;
    if (i > 0) x = instance_norm(x);
    x = at::leaky_relu(x, 0.2);
  }
  return x;
}

CycleGan::CycleGan(const Config& config) : Network(config) {
  to_mask = register_module("to_mask", Generator(config.width, config.blocks));
  to_image = register_module("to_image", Generator(config.width, config.blocks));
  mask_judge = register_module("mask_judge", Discriminator(config.width));
  image_judge = register_module("image_judge", Discriminator(config.width));
}

void CycleGan::init(uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& p : parameters()) {
    if (p.dim() == 1)
      p.zero_();
    else
      p.normal_(0, 0.02, generator);
  }
}

at::Tensor CycleGan::predict(const at::Tensor& image, const Support&, const Progress& progress) {
  torch::NoGradGuard no_grad;
  progress.check();
  return (to_mask->forward(2 * image - 1) + 1) / 2;
}

ImagePool::ImagePool(int64_t side, c10::Device device)
    : images_(at::zeros({kSize, 1, side, side}, at::TensorOptions(device).dtype(at::kFloat))),
      count_(at::zeros({1}, at::kLong)) {}

at::Tensor ImagePool::exchange(const at::Tensor& fakes, const double* draws) {
  torch::NoGradGuard no_grad;
  auto count = count_.item<int64_t>();
  auto out = fakes.detach().to(at::kFloat).clone();
  for (int64_t i = 0; i < fakes.size(0); ++i) {
    if (count < kSize) {
      images_[count++].copy_(out[i]);
    } else if (draws[2 * i] > 0.5) {
      auto slot = images_[static_cast<int64_t>(draws[2 * i + 1] * static_cast<double>(kSize))];
      const auto old = slot.clone();
      slot.copy_(out[i]);
      out[i].copy_(old);
    }
  }
  count_.fill_(count);
  return out;
}

io::NamedTensors ImagePool::state(const std::string& prefix) const {
  return {{prefix + "images", images_}, {prefix + "count", count_}};
}

}  // namespace gmiseg::baselines
