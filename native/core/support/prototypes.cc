#include "support/prototypes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

namespace gmiseg::support {

namespace {

constexpr int64_t kRounds = 10;
// Two seeds nearer than this are one.
constexpr double kSame = 1e-4;

at::Tensor unit(const at::Tensor& x) { return x / x.norm(2, -1, true).clamp_min(1e-6); }

}  // namespace

at::Tensor prototypes(const at::Tensor& features, int64_t count) {
  const auto mean = unit(features.mean(0, true));
  // Farthest first, from the row nearest the mean.
  std::vector<at::Tensor> seeds = {features.index({at::matmul(features, mean.t()).argmax()}).view({1, -1})};
  auto nearest = at::matmul(features, seeds[0].t()).squeeze(1);
  while (static_cast<int64_t>(seeds.size()) < count) {
    const auto [similarity, row] = nearest.min(0);
    if (1 - similarity.item<double>() < kSame) break;
    seeds.push_back(features.index({row}).view({1, -1}));
    nearest = at::maximum(nearest, at::matmul(features, seeds.back().t()).squeeze(1));
  }
  auto centres = at::cat(seeds);
  for (int64_t round = 0; round < kRounds; ++round) {
    const auto owner =
        at::one_hot(at::matmul(features, centres.t()).argmax(1), centres.size(0)).to(at::kFloat);
    const auto sums = at::matmul(owner.t(), features);
    // A prototype that lost all its rows stays where it was.
    centres = unit(at::where(owner.sum(0).gt(0).unsqueeze(1), sums, centres));
  }
  return centres;
}

}  // namespace gmiseg::support
