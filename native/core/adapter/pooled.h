#pragma once

#include "adapter/adapter.h"

namespace gmiseg::adapter {

// Kind::kPooled: `{q|v}.{down|up|gate}`.
class Pooled : public Adapter {
 public:
  Pooled(const AdapterConfig& config, int64_t blocks, int64_t dim);
  std::pair<at::Tensor, at::Tensor> operator()(int64_t block, const at::Tensor& x) override;
  std::pair<at::Tensor, at::Tensor> delta(int64_t block) const override;
  void init(uint64_t seed) override;

 private:
  struct Bank {
    at::Tensor down, up, gate;  // [L, D], [D, L], [L, L] of L adapted blocks
  };
  at::Tensor apply(const Bank& bank, int64_t block, const at::Tensor& x) const;
  Bank q_, v_;
};

}  // namespace gmiseg::adapter
