// Distances between the surfaces of two masks.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/distance.h"
#include "metrics/grid.h"

namespace gmiseg::metrics {

// A mask minus its erosion by the neighbours along the axes (connectivity 1). What
// lies beyond the grid is background, so a mask cut by the frame has a surface there.
PointSet surface_of(const uint8_t* mask, const Grid& grid);

// In the unit of the spacing.
struct SurfaceScores {
  double asd = 0;          // mean distance from the prediction's surface to the truth's
  double asd_reverse = 0;  // and the other way
  double assd = 0;         // mean of these two
  double assd_pooled = 0;  // mean over the distances of both sides together
  double hd = 0;           // the largest distance
  double hd95 = 0;         // 95th percentile of both sides together
  double hd95_max = 0;     // the larger of the two sides' 95th percentiles
  double nsd = 0;          // share of the distances that are at most the tolerance
};

// From the distances of each side, of which neither is empty.
SurfaceScores surface_scores(std::vector<double> forward, std::vector<double> backward, double tolerance);

}  // namespace gmiseg::metrics
