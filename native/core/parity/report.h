// What comparing two tensors comes to.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "parity/parity.h"

namespace gmiseg::parity {

// Tolerances of the fixtures' README: embeddings and logits relative to the
// reference's scale, masks by the share of unequal pixels, gradients relative.
constexpr double kValues = 2e-4, kMasks = 1e-3, kGradients = 1e-3;

class Report {
 public:
  // All throw Error(kShape) where the shapes differ.
  void values(const std::string& name, const at::Tensor& got, const at::Tensor& want,
              double tolerance = kValues);
  void gradient(const std::string& name, const at::Tensor& got, const at::Tensor& want,
                double tolerance = kGradients);
  void masks(const std::string& name, const at::Tensor& got, const at::Tensor& want);
  void grey_levels(const std::string& name, const at::Tensor& got, const at::Tensor& want);

  std::vector<Row> rows;

 private:
  void add(const std::string& name, const std::string& kind, double diff, double scale, double tolerance);
};

}  // namespace gmiseg::parity
