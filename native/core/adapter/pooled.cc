#include "adapter/pooled.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <cmath>

namespace gmiseg::adapter {

Pooled::Pooled(const AdapterConfig& config, int64_t blocks, int64_t dim) : Adapter(config) {
  blocks -= config.first_block;
  for (const char* name : {"q", "v"}) {
    auto site = register_module(name, std::make_shared<torch::nn::Module>());
    Bank& bank = *name == 'q' ? q_ : v_;
    bank.down = site->register_parameter("down", torch::empty({blocks, dim}));
    bank.up = site->register_parameter("up", torch::empty({dim, blocks}));
    if (config.gate == Gate::kLearned) {
      bank.gate = site->register_parameter("gate", torch::empty({blocks, blocks}));
    } else {
      bank.gate = site->register_buffer(
          "gate", config.gate == Gate::kShared ? torch::ones({blocks, blocks}) : torch::eye(blocks));
    }
  }
}

at::Tensor Pooled::apply(const Bank& bank, int64_t block, const at::Tensor& x) const {
  // The base may be held in bfloat16, the adapter is not.
  const auto z = at::matmul(x, bank.down.t().to(x.scalar_type()));
  return config.scale * at::matmul(z * bank.gate[block - config.first_block].to(z.scalar_type()),
                                   bank.up.t().to(z.scalar_type()));
}

std::pair<at::Tensor, at::Tensor> Pooled::operator()(int64_t block, const at::Tensor& x) {
  return {apply(q_, block, x), apply(v_, block, x)};
}

std::pair<at::Tensor, at::Tensor> Pooled::delta(int64_t block) const {
  const auto dense = [&](const Bank& b) {
    return config.scale * at::matmul(b.up.to(at::kFloat) * b.gate[block - config.first_block].to(at::kFloat),
                                     b.down.to(at::kFloat));
  };
  return {dense(q_), dense(v_)};
}

void Pooled::init(uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (Bank* bank : {&q_, &v_}) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(bank->down.size(1)));
    bank->down.uniform_(-bound, bound, generator);
    bank->up.zero_();
    if (config.gate == Gate::kLearned) {
      bank->gate.zero_();
      bank->gate.fill_diagonal_(1);
    }
  }
}

}  // namespace gmiseg::adapter
