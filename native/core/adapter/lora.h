#pragma once

#include "adapter/adapter.h"

namespace gmiseg::adapter {

// Kind::kLora and Kind::kTokenPooled: `blocks.{l}.{q|v}.{down|up}`, l from the first block on.
class Lora : public Adapter {
 public:
  Lora(const AdapterConfig& config, int64_t blocks, int64_t dim);
  std::pair<at::Tensor, at::Tensor> operator()(int64_t block, const at::Tensor& x) override;
  bool tokenwise() const override { return config.kind != Kind::kTokenPooled; }
  std::pair<at::Tensor, at::Tensor> delta(int64_t block) const override;
  void init(uint64_t seed) override;

 private:
  struct Pair {
    at::Tensor down, up;  // [r, D], [D, r]; undefined before the first block
  };
  at::Tensor apply(const Pair& pair, const at::Tensor& x) const;
  std::vector<Pair> q_, v_;
};

}  // namespace gmiseg::adapter
