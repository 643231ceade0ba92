// Label maps as they come, and the parts of them that a score is about.
#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "metrics/grid.h"

namespace gmiseg::metrics {

using LabelMap = std::variant<std::vector<uint8_t>, std::vector<uint16_t>, std::vector<int32_t>>;

// Values that together are one object, in rising order; none: all but 0.
using Labels = std::vector<int32_t>;

// Voxels low .. high - 1 along each axis; empty where high <= low.
struct Box {
  std::array<int64_t, 3> low{}, high{};
  bool empty() const { return high[0] <= low[0]; }
  // The smallest box around both.
  void include(const Box& other);
};

// The extent of an object within a box.
Box extent_of(const LabelMap& map, const Labels& labels, const Grid& grid, const Box& within);

// 1 where the object is, for the voxels of a box.
std::vector<uint8_t> mask_of(const LabelMap& map, const Labels& labels, const Grid& grid, const Box& box);

}  // namespace gmiseg::metrics
