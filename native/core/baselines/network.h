// A baseline, whatever its method.
#pragma once

#include <torch/nn/module.h>

#include <memory>

#include "baselines/config.h"
#include "runtime/progress.h"

namespace gmiseg::baselines {

// Examples at the network's input size, [N, 1, S, S] each: pictures in [0, 1], masks 0 or 1.
struct Support {
  at::Tensor images, masks;
};

class Network : public torch::nn::Module {
 public:
  explicit Network(const Config& config) : config(config) {}
  const Config config;

  // Whether examples say what to find; else the weights do, and `support` is not looked at.
  virtual bool in_context() const = 0;
  // Probability [1, 1, S, S] for a picture [1, 1, S, S]. Without gradients; the memory that it takes does
  // not grow with the support set beyond what that itself takes.
  virtual at::Tensor predict(const at::Tensor& image, const Support& support, const Progress& progress) = 0;
  // Fresh weights as the method draws them; the same seed gives the same ones.
  virtual void init(uint64_t seed) = 0;
};

// With weights that are not there yet: `init` or a file brings them.
std::shared_ptr<Network> make_network(const Config& config);

}  // namespace gmiseg::baselines
