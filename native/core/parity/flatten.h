#pragma once

#include <vector>

#include "parity/parity.h"

namespace gmiseg::parity {

// Local contrast against LibTorch's own pooling in float64, on pictures smaller and larger than the
// surroundings.
std::vector<Row> flatten_rows();

}  // namespace gmiseg::parity
