#pragma once

#include <c10/core/Device.h>

#include <vector>

#include "parity/parity.h"

namespace gmiseg::parity {

// The encoder's attention and all its gradients against the published arithmetic in float64, on windows and
// grids that fit and that do not.
std::vector<Row> attention_rows(c10::Device device);

}  // namespace gmiseg::parity
