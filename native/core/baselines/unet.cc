#include "baselines/unet.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <cmath>

namespace gmiseg::baselines {

namespace {

constexpr double kSlope = 0.01;

}  // namespace

NormedConvImpl::NormedConvImpl(int64_t in, int64_t out, int64_t stride) {
  conv_ = nested_conv(*this, "conv", in, out, 3, stride, 1);
  weight_ = register_parameter("norm_weight", torch::empty({out}));
  bias_ = register_parameter("norm_bias", torch::empty({out}));
}

at::Tensor NormedConvImpl::forward(const at::Tensor& x) {
  return at::leaky_relu(instance_norm(conv_->forward(x), weight_, bias_), kSlope);
}

UNet::Stage UNet::stage(const std::string& name, int64_t in, int64_t out, int64_t stride) {
  return {nest(*this, name + ".0", NormedConv(in, out, stride)),
          nest(*this, name + ".1", NormedConv(out, out, 1))};
}

UNet::UNet(const Config& config) : Network(config) {
  const auto& widths = config.widths;
  for (size_t i = 0; i < widths.size(); ++i) {
    encoder_.push_back(
        stage("encoder." + std::to_string(i), i == 0 ? 1 : widths[i - 1], widths[i], i == 0 ? 1 : 2));
  }
  for (size_t i = widths.size() - 1; i-- > 0;) {
    const std::string name = std::to_string(i);
    up_.push_back(nest(*this, "up." + name, sam::UpConv2d(widths[i + 1], widths[i])));
    decoder_.push_back(stage("decoder." + name, 2 * widths[i], widths[i], 1));
    heads_.push_back(nested_conv(*this, "heads." + name, widths[i], 1, 1));
  }
}

std::vector<at::Tensor> UNet::forward(const at::Tensor& images) {
  auto x = images;
  std::vector<at::Tensor> skips;
  for (auto& stage : encoder_) {
    x = stage.second->forward(stage.first->forward(x));
    skips.push_back(x);
  }
  skips.pop_back();
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < decoder_.size(); ++i) {
    x = at::cat({up_[i]->forward(x), skips.back()}, 1);
    skips.pop_back();
    x = decoder_[i].second->forward(decoder_[i].first->forward(x));
    out.insert(out.begin(), heads_[i]->forward(x));
  }
  return out;
}

at::Tensor UNet::predict(const at::Tensor& image, const Support&, const Progress& progress) {
  torch::NoGradGuard no_grad;
  at::Tensor sum = at::zeros_like(image);
  for (const auto& sides : {std::vector<int64_t>{}, {2}, {3}, {2, 3}}) {
    progress.check();
    sum = sum + forward(image.flip(sides)).front().sigmoid().flip(sides);
  }
  return sum / 4;
}

// Kaiming normal for the leaky slope, biases 0, norms 1 and 0.
void UNet::init(uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& item : named_parameters()) {
    auto& p = item.value();
    if (p.dim() > 1) {
      const auto fan_in = static_cast<double>(p.numel() / p.size(0));
      p.normal_(0, std::sqrt(2 / ((1 + kSlope * kSlope) * fan_in)), generator);
    } else {
      p.fill_(item.key().ends_with("norm_weight") ? 1 : 0);
    }
  }
}

}  // namespace gmiseg::baselines
