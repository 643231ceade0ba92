#include "baselines/universeg.h"

#include <ATen/Functions.h>
#include <torch/types.h>

#include <cmath>

namespace gmiseg::baselines {

UniverSeg::UniverSeg(const Config& config) : InContext(config) {
  widths_ = config.widths;
  const auto add = [&](const std::string& name, int64_t query, int64_t support, int64_t out) {
    blocks_.push_back({nested_conv(*this, name + ".cross.cross_conv", query + support, out, 3),
                       nested_conv(*this, name + ".target.vmapped.conv", out, out, 3),
                       nested_conv(*this, name + ".support.vmapped.conv", out, out, 3), query});
  };
  int64_t query = 1, support = 2;
  for (size_t i = 0; i < widths_.size(); ++i) {
    add("enc_blocks." + std::to_string(i), query, support, widths_[i]);
    query = support = widths_[i];
  }
  for (size_t i = 0; i + 1 < widths_.size(); ++i) {
    const int64_t skip = widths_[widths_.size() - 2 - i];
    add("dec_blocks." + std::to_string(i), query + skip, support + skip, skip);
    query = support = skip;
  }
  out_ = nested_conv(*this, "out_conv.conv", query, 1, 1);
}

// Kaiming normal: gain sqrt 2 before an activation, 1 for cross-convolutions and the head.
void UniverSeg::init(uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& item : named_parameters()) {
    auto& p = item.value();
    if (p.dim() == 1) {
      p.zero_();
      continue;
    }
    const bool activated = item.key().find("vmapped") != std::string::npos;
    p.normal_(0, std::sqrt((activated ? 2.0 : 1.0) / static_cast<double>(p.numel() / p.size(0))), generator);
  }
}

at::Tensor UniverSeg::context_of(const at::Tensor& images, const at::Tensor& masks) const {
  return at::cat({images, masks}, -3);
}

at::Tensor UniverSeg::probability_of(const at::Tensor& output) const { return output.sigmoid(); }

at::Tensor UniverSeg::told(int64_t level, const at::Tensor& target) {
  const auto& block = blocks_[static_cast<size_t>(level)];
  return conv_part(target, block.cross->weight, 0, block.cross->bias);
}

at::Tensor UniverSeg::next_target(int64_t level, const at::Tensor& told, const at::Tensor& mean_noted) {
  auto& block = blocks_[static_cast<size_t>(level)];
  const auto z = told + conv_part(mean_noted, block.cross->weight, block.query_channels, {});
  return at::leaky_relu(block.target->forward(z));
}

at::Tensor UniverSeg::next_context(int64_t level, const at::Tensor& noted, const at::Tensor& told) {
  auto& block = blocks_[static_cast<size_t>(level)];
  const auto z = add_to_each(conv_part(noted, block.cross->weight, block.query_channels, {}), told);
  return at::leaky_relu(block.support->forward(z));
}

at::Tensor UniverSeg::enlarged(const at::Tensor& x) const {
  return at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/true);
}

}  // namespace gmiseg::baselines
