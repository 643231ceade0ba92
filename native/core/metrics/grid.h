// Where the voxels of a mask lie.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace gmiseg::metrics {

// The first axis is the fastest. With two axes the third is one voxel long and has
// no neighbours.
struct Grid {
  std::array<int64_t, 3> size{1, 1, 1};
  std::array<double, 3> spacing{1, 1, 1};
  int axes = 3;

  int64_t rows() const { return size[1] * size[2]; }
  int64_t voxels() const { return size[0] * rows(); }
  // From corner to corner of the image.
  double diagonal() const {
    double sum = 0;
    for (size_t axis = 0; axis < static_cast<size_t>(axes); ++axis) {
      const double length = static_cast<double>(size[axis]) * spacing[axis];
      sum += length * length;
    }
    return std::sqrt(sum);
  }
};

}  // namespace gmiseg::metrics
