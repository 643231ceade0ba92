// Exact Euclidean distances on anisotropic grids, by lower envelopes of parabolas
// along each axis (Felzenszwalb and Huttenlocher, Distance Transforms of Sampled
// Functions, 2012): time linear in the voxels.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/grid.h"
#include "runtime/progress.h"

namespace gmiseg::metrics {

// Some voxels of a grid: those of row y + size[1] * z have the x of
// [start[row], start[row + 1]), in rising order.
struct PointSet {
  std::vector<int64_t> start;
  std::vector<int32_t> x;
};

// The voxels of a mask that are not 0.
PointSet points_of(const uint8_t* mask, const Grid& grid);

// From each of `queries` to the nearest of `points`, in the order of `queries`;
// infinite where there are no points. Works through blocks of columns in threads:
// beside the result a block of each thread is in memory, not the grid.
std::vector<double> distances(const Grid& grid, const PointSet& points, const PointSet& queries,
                              const Progress& progress);

// From every voxel to the nearest one of the mask, which has `grid.voxels()` bytes as `out` has numbers.
void distance_transform(const uint8_t* mask, const Grid& grid, double* out, const Progress& progress);

}  // namespace gmiseg::metrics
