#include "adapter/lora.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <cmath>

#include "runtime/error.h"

namespace gmiseg::adapter {

Lora::Lora(const AdapterConfig& config, int64_t blocks, int64_t dim) : Adapter(config) {
  auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
  q_.resize(static_cast<size_t>(config.first_block));
  v_.resize(static_cast<size_t>(config.first_block));
  for (int64_t i = config.first_block; i < blocks; ++i) {
    auto block = list->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    for (const char* name : {"q", "v"}) {
      auto site = block->register_module(name, std::make_shared<torch::nn::Module>());
      Pair pair{site->register_parameter("down", torch::empty({config.rank, dim})),
                site->register_parameter("up", torch::empty({dim, config.rank}))};
      (*name == 'q' ? q_ : v_).push_back(pair);
    }
  }
}

at::Tensor Lora::apply(const Pair& pair, const at::Tensor& x) const {
  auto z = at::matmul(x, pair.down.t().to(x.scalar_type()));
  if (config.kind == Kind::kTokenPooled) {
    // Averages over 2 x 2 tokens and back by repetition; odd edges average what is there.
    const auto y = z.permute({0, 3, 1, 2});
    const auto pooled = at::avg_pool2d(y, {2, 2}, {2, 2}, {0, 0}, true);
    z = at::upsample_nearest2d(pooled, {2 * pooled.size(2), 2 * pooled.size(3)})
            .slice(2, 0, y.size(2))
            .slice(3, 0, y.size(3))
            .permute({0, 2, 3, 1});
  }
  return config.scale * at::matmul(z, pair.up.t().to(z.scalar_type()));
}

std::pair<at::Tensor, at::Tensor> Lora::operator()(int64_t block, const at::Tensor& x) {
  return {apply(q_[block], x), apply(v_[block], x)};
}

std::pair<at::Tensor, at::Tensor> Lora::delta(int64_t block) const {
  if (config.kind == Kind::kTokenPooled) {
    throw Error(
        ErrorCode::kInvalidArg,
        "A token-pooled adapter mixes tokens and cannot be merged into the weights. Save it as 'adapter'.");
  }
  const auto dense = [&](const Pair& p) {
    return config.scale * at::matmul(p.up.to(at::kFloat), p.down.to(at::kFloat));
  };
  return {dense(q_[block]), dense(v_[block])};
}

void Lora::init(uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto i = static_cast<size_t>(config.first_block); i < q_.size(); ++i) {
    for (Pair* pair : {&q_[i], &v_[i]}) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(pair->down.size(1)));
      pair->down.uniform_(-bound, bound, generator);
      pair->up.zero_();
    }
  }
}

}  // namespace gmiseg::adapter
