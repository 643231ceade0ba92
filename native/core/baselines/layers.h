// What the baselines share: convolutions under a checkpoint's dotted names, and instance norm.
#pragma once

#include <memory>
#include <string>

#include "sam/layers.h"

namespace gmiseg::baselines {

// Puts `module` below `root` under a dotted name such as "enc_blocks.0.cross.cross_conv", making the
// modules in between.
template <typename Holder>
Holder nest(torch::nn::Module& root, const std::string& name, Holder module) {
  torch::nn::Module* at = &root;
  size_t begin = 0;
  for (size_t dot; (dot = name.find('.', begin)) != std::string::npos; begin = dot + 1) {
    const auto part = name.substr(begin, dot - begin);
    const auto children = at->named_children();
    const auto* found = children.find(part);
    at = found != nullptr ? found->get()
                          : at->register_module(part, std::make_shared<torch::nn::Module>()).get();
  }
  return at->register_module(name.substr(begin), std::move(module));
}

// A convolution with bias, by default one that keeps the size.
inline sam::Conv2d nested_conv(torch::nn::Module& root, const std::string& name, int64_t in, int64_t out,
                               int64_t kernel, int64_t stride = 1, int64_t padding = -1) {
  return nest(root, name, sam::Conv2d(in, out, kernel, stride, padding < 0 ? kernel / 2 : padding, true));
}

// Of each image and channel, also at test time. weight and bias [C], or undefined.
at::Tensor instance_norm(const at::Tensor& x, const at::Tensor& weight = {}, const at::Tensor& bias = {});

// x [B * n, ...] + y [B, ...], each of y for n neighbours in x.
at::Tensor add_to_each(const at::Tensor& x, const at::Tensor& y);

// conv(cat(a, b)) of the channels of one side alone: `weight` [out, in, k, k] from input channel `first` on.
at::Tensor conv_part(const at::Tensor& x, const at::Tensor& weight, int64_t first, const at::Tensor& bias);

}  // namespace gmiseg::baselines
