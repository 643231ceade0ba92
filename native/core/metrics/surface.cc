#include "metrics/surface.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gmiseg::metrics {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Between the two nearest ranks, as NumPy's "linear"; reorders the values.
double percentile95(std::vector<double>& values) {
  const double position = 0.95 * static_cast<double>(values.size() - 1);
  const auto below = values.begin() + static_cast<std::ptrdiff_t>(position);
  std::nth_element(values.begin(), below, values.end());
  const double share = position - std::floor(position);
  if (share == 0) return *below;
  return *below + share * (*std::min_element(below + 1, values.end()) - *below);
}

}  // namespace

PointSet surface_of(const uint8_t* mask, const Grid& grid) {
  const auto [nx, ny, nz] = grid.size;
  PointSet out;
  out.start.reserve(static_cast<size_t>(grid.rows() + 1));
  for (int64_t z = 0; z < nz; ++z) {
    for (int64_t y = 0; y < ny; ++y) {
      out.start.push_back(static_cast<int64_t>(out.x.size()));
      const uint8_t* const line = mask + (z * ny + y) * nx;
      const bool edge = y == 0 || y == ny - 1 || (grid.axes == 3 && (z == 0 || z == nz - 1));
      const uint8_t *const above = edge ? line : line - nx, *const below = edge ? line : line + nx;
      const bool deep = !edge && grid.axes == 3;
      const uint8_t *const front = deep ? line - nx * ny : line, *const back = deep ? line + nx * ny : line;
      for (int64_t x = 0; x < nx; ++x) {
        if (line[x] == 0) continue;
        const bool within = !edge && x > 0 && x < nx - 1 && line[x - 1] != 0 && line[x + 1] != 0 &&
                            above[x] != 0 && below[x] != 0 && front[x] != 0 && back[x] != 0;
        if (!within) out.x.push_back(static_cast<int32_t>(x));
      }
    }
  }
  out.start.push_back(static_cast<int64_t>(out.x.size()));
  return out;
}

SurfaceScores surface_scores(std::vector<double> forward, std::vector<double> backward, double tolerance) {
  SurfaceScores scores;
  scores.asd = mean(forward);
  scores.asd_reverse = mean(backward);
  scores.assd = 0.5 * (scores.asd + scores.asd_reverse);
  scores.hd95_max = std::max(percentile95(forward), percentile95(backward));
  std::vector<double>& both = forward;
  both.insert(both.end(), backward.begin(), backward.end());
  scores.assd_pooled = mean(both);
  scores.hd = *std::max_element(both.begin(), both.end());
  scores.hd95 = percentile95(both);
  // A distance that equals the tolerance must not fail by rounding.
  const double most = tolerance * (1 + 1e-12);
  const auto near =
      std::count_if(both.begin(), both.end(), [&](double distance) { return distance <= most; });
  scores.nsd = static_cast<double>(near) / static_cast<double>(both.size());
  return scores;
}

}  // namespace gmiseg::metrics
