#include "sam/layers.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <torch/types.h>

#include <cmath>

#include "io/mapped_file.h"
#include "sam/linear_product.h"
#include "sam/packed_linear.h"

namespace gmiseg::sam {

LinearImpl::LinearImpl(int64_t in, int64_t out) {
  weight = register_parameter("weight", torch::empty({out, in}));
  bias = register_parameter("bias", torch::empty({out}));
}
at::Tensor LinearImpl::forward(const at::Tensor& x) {
  return packed_.defined() ? packed_linear(x, packed_, bias) : linear_product(x, weight_for(x), bias);
}
at::Tensor LinearImpl::forward_gelu(const at::Tensor& x) {
  if (packed_.defined()) return packed_linear_gelu(x, packed_, bias);
  return gelu_of(linear_product(x, weight_for(x), bias));
}
bool LinearImpl::widens(const at::Tensor& x) const {
  return x.scalar_type() == at::kFloat && weight.scalar_type() == at::kBFloat16 &&
         !at::autocast::is_autocast_enabled(x.device().type());
}
at::Tensor LinearImpl::weight_for(const at::Tensor& x) const {
  return widens(x) ? weight.to(at::kFloat) : weight;
}
at::Tensor LinearImpl::forward_add(const at::Tensor& x, const at::Tensor& other) {
  if (packed_.defined()) return packed_linear_add(x, packed_, bias, other);
  const auto own = weight_for(x);
  if (at::GradMode::is_enabled() || !x.is_cpu() || at::autocast::is_autocast_enabled(at::kCPU))
    return other + linear_product(x, own, bias);
  if (prefers_onednn(x, own)) return linear_product(x, own, bias).add_(other);
  // The product adds up where the sum is wanted.
  auto y = (other + bias).contiguous();
  y.view({-1, y.size(-1)}).addmm_(x.reshape({-1, x.size(-1)}), own.t());
  return y;
}
bool LinearImpl::pack() {
  if (packed_.defined() || !can_pack(weight)) return false;
  torch::NoGradGuard no_grad;
  packed_ = pack_linear(weight);
  io::drop_resident(weight.const_data_ptr(), weight.nbytes());
  // Whoever reads it all the same shall see that it is not there.
  weight.set_data(at::full({1}, NAN, weight.options()).expand(weight.sizes()));
  return true;
}
void LinearImpl::unpack() {
  if (!packed_.defined()) return;
  torch::NoGradGuard no_grad;
  weight.set_data(packed_.to_dense());
  packed_.reset();
}

Conv2dImpl::Conv2dImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                       bool with_bias)
    : stride_(stride), padding_(padding) {
  weight = register_parameter("weight", torch::empty({out, in, kernel, kernel}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out}));
}
at::Tensor Conv2dImpl::forward(const at::Tensor& x) {
  return at::conv2d(x, weight, bias, {stride_, stride_}, {padding_, padding_});
}

UpConv2dImpl::UpConv2dImpl(int64_t in, int64_t out) {
  weight = register_parameter("weight", torch::empty({in, out, 2, 2}));
  bias = register_parameter("bias", torch::empty({out}));
}
at::Tensor UpConv2dImpl::forward(const at::Tensor& x) {
  return at::conv_transpose2d(x, weight, bias, {2, 2});
}

at::Tensor UpConv2dImpl::forward_cells(const at::Tensor& x) {
  const auto matrix = weight.permute({2, 3, 1, 0}).reshape({-1, weight.size(0)});
  return linear_product(x, matrix, bias.repeat(4)).unflatten(-1, {4, bias.size(0)});
}

LayerNormImpl::LayerNormImpl(int64_t dim, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({dim}));
  bias = register_parameter("bias", torch::empty({dim}));
}
at::Tensor LayerNormImpl::forward(const at::Tensor& x) {
  return at::layer_norm(x, {weight.size(0)}, weight, bias, eps_);
}

LayerNorm2dImpl::LayerNorm2dImpl(int64_t channels, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({channels}));
  bias = register_parameter("bias", torch::empty({channels}));
}
at::Tensor LayerNorm2dImpl::forward(const at::Tensor& x) {
  return forward_cells(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
}
at::Tensor LayerNorm2dImpl::forward_cells(const at::Tensor& x) {
  return at::layer_norm(x, {weight.size(0)}, weight, bias, eps_);
}

EmbeddingImpl::EmbeddingImpl(int64_t count, int64_t dim) {
  weight = register_parameter("weight", torch::empty({count, dim}));
}

MlpImpl::MlpImpl(int64_t in, int64_t hidden, int64_t out, int64_t count) {
  auto list = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    layers_.push_back(
        list->register_module(std::to_string(i), Linear(i == 0 ? in : hidden, last ? out : hidden)));
  }
}
at::Tensor MlpImpl::forward(at::Tensor x) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(x);
    if (i + 1 < layers_.size()) x = at::relu(x);
  }
  return x;
}

at::Tensor gelu_of(at::Tensor x) { return at::GradMode::is_enabled() ? at::gelu(x) : at::gelu_(x); }

void init_weights(torch::nn::Module& module, uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& item : module.named_buffers()) item.value().normal_(0, 1, generator);
  // A bias is drawn from the range of the weight it belongs to.
  double bound = 0;
  for (auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    auto& p = item.value();
    if (name.find("rel_pos") != std::string::npos) {
      p.zero_();
    } else if (name.ends_with("pos_embed")) {
      p.normal_(0, 0.02, generator);
    } else if (name.ends_with("weight") && p.dim() == 1) {
      p.fill_(1);
      bound = 0;
    } else if (name.ends_with("weight") &&
               (name.find("embed") != std::string::npos || name.find("token") != std::string::npos) &&
               name.find("patch_embed") == std::string::npos && p.dim() == 2 && p.size(0) <= 4) {
      p.normal_(0, 1, generator);
    } else if (name.ends_with("weight")) {
      // a = sqrt(5) of Kaiming's uniform: bound = 1 / sqrt(fan in).
      bound = 1.0 / std::sqrt(static_cast<double>(p.numel() / p.size(0)));
      p.uniform_(-bound, bound, generator);
    } else if (bound > 0) {
      p.uniform_(-bound, bound, generator);
    } else {
      p.zero_();
    }
  }
}

}  // namespace gmiseg::sam
