#include "metrics/distance.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gmiseg::metrics {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();
// Columns that are worked on together: a cache line of doubles.
constexpr int64_t kWidth = 8;
// Voxels that are worth a thread.
constexpr int64_t kGrain = int64_t{1} << 17;

// Replaces f(i) by the least f(j) + ((i - j) * spacing)^2 along a line.
class Envelope {
 public:
  explicit Envelope(int64_t longest)
      : place_(static_cast<size_t>(longest)),
        value_(static_cast<size_t>(longest)),
        from_(static_cast<size_t>(longest)) {}

  void run(double* line, int64_t count, int64_t stride, double spacing) {
    const double weight = spacing * spacing, inverse = 1 / weight;
    size_t parabolas = 0;
    for (int64_t q = 0; q < count; ++q) {
      const double f = line[q * stride];
      if (f == kFar) continue;
      const auto at = static_cast<double>(q);
      double from = -kFar;
      for (; parabolas > 0; --parabolas) {
        const size_t last = parabolas - 1;
        // Where this parabola begins to run below the last one.
        from = 0.5 * ((f - value_[last]) * inverse / (at - place_[last]) + at + place_[last]);
        if (from > from_[last]) break;
        from = -kFar;
      }
      place_[parabolas] = at;
      value_[parabolas] = f;
      from_[parabolas++] = from;
    }
    if (parabolas == 0) return;
    size_t k = 0;
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<double>(i);
      while (k + 1 < parabolas && from_[k + 1] < at) ++k;
      const double away = at - place_[k];
      line[i * stride] = value_[k] + weight * away * away;
    }
  }

 private:
  std::vector<double> place_, value_, from_;
};

// The columns x0 .. x0 + kWidth - 1 of all rows.
class Block {
 public:
  Block(const Grid& grid, const PointSet& points, const PointSet& queries)
      : grid_(grid),
        points_(points),
        queries_(queries),
        envelope_(std::max(grid.size[1], grid.size[2])),
        field_(static_cast<size_t>(grid.rows() * kWidth)),
        wanted_(static_cast<size_t>(grid.size[1] * kWidth)),
        range_(static_cast<size_t>(grid.rows())) {}

  void run(int64_t x0, double* out) {
    if (!find_queries(x0)) return;
    along_x(x0);
    const auto [nx, ny, nz] = grid_.size;
    const int64_t width = std::min(kWidth, nx - x0);
    for (int64_t i = 0; i < width; ++i) {
      if (!asked_[static_cast<size_t>(i)]) continue;
      for (int64_t z = 0; z < nz; ++z) {
        if (points_.start[static_cast<size_t>(z * ny)] == points_.start[static_cast<size_t>((z + 1) * ny)])
          continue;
        envelope_.run(field_.data() + z * ny * kWidth + i, ny, kWidth, grid_.spacing[1]);
      }
    }
    if (nz > 1) {
      for (int64_t at = 0; at < ny * kWidth; ++at) {
        if (wanted_[static_cast<size_t>(at)])
          envelope_.run(field_.data() + at, nz, ny * kWidth, grid_.spacing[2]);
      }
    }
    for (size_t row = 0; row < range_.size(); ++row) {
      const double* const line = field_.data() + row * kWidth;
      for (int64_t q = range_[row].first; q < range_[row].second; ++q)
        out[q] = std::sqrt(line[queries_.x[static_cast<size_t>(q)] - x0]);
    }
  }

 private:
  // The queries of each row in this block, and the columns that hold any; false without queries.
  bool find_queries(int64_t x0) {
    const int64_t ny = grid_.size[1];
    std::fill(wanted_.begin(), wanted_.end(), uint8_t{0});
    asked_.fill(false);
    bool any = false;
    for (size_t row = 0; row < range_.size(); ++row) {
      int64_t q = queries_.start[row];
      const int64_t end = queries_.start[row + 1];
      q = std::lower_bound(queries_.x.begin() + q, queries_.x.begin() + end, x0) - queries_.x.begin();
      range_[row].first = q;
      for (; q < end && queries_.x[static_cast<size_t>(q)] < x0 + kWidth; ++q) {
        const int64_t i = queries_.x[static_cast<size_t>(q)] - x0;
        wanted_[static_cast<size_t>(static_cast<int64_t>(row) % ny * kWidth + i)] = 1;
        asked_[static_cast<size_t>(i)] = any = true;
      }
      range_[row].second = q;
    }
    return any;
  }

  // Squared distances within each row.
  void along_x(int64_t x0) {
    const double weight = grid_.spacing[0] * grid_.spacing[0];
    for (size_t row = 0; row < range_.size(); ++row) {
      double* const line = field_.data() + row * kWidth;
      const auto begin = points_.x.begin() + points_.start[row];
      const auto end = points_.x.begin() + points_.start[row + 1];
      auto right = std::lower_bound(begin, end, x0);
      for (int64_t i = 0; i < kWidth; ++i) {
        const int64_t x = x0 + i;
        while (right != end && *right < x) ++right;
        double away = kFar;
        if (right != end) away = static_cast<double>(*right - x);
        if (right != begin) away = std::min(away, static_cast<double>(x - *(right - 1)));
        line[i] = weight * away * away;
      }
    }
  }

  const Grid& grid_;
  const PointSet &points_, &queries_;
  Envelope envelope_;
  std::vector<double> field_;
  std::vector<uint8_t> wanted_;
  std::array<bool, kWidth> asked_{};
  std::vector<std::pair<int64_t, int64_t>> range_;
};

}  // namespace

PointSet points_of(const uint8_t* mask, const Grid& grid) {
  PointSet points;
  points.start.reserve(static_cast<size_t>(grid.rows() + 1));
  for (int64_t row = 0; row < grid.rows(); ++row) {
    points.start.push_back(static_cast<int64_t>(points.x.size()));
    const uint8_t* const line = mask + row * grid.size[0];
    for (int64_t x = 0; x < grid.size[0]; ++x) {
      if (line[x] != 0) points.x.push_back(static_cast<int32_t>(x));
    }
  }
  points.start.push_back(static_cast<int64_t>(points.x.size()));
  return points;
}

std::vector<double> distances(const Grid& grid, const PointSet& points, const PointSet& queries,
                              const Progress& progress) {
  std::vector<double> out(queries.x.size(), kFar);
  if (points.x.empty()) return out;
  const int64_t blocks = (grid.size[0] + kWidth - 1) / kWidth;
  const int64_t grain = std::max<int64_t>(1, kGrain * blocks / grid.voxels());
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    Block block(grid, points, queries);
    for (int64_t i = begin; i < end; ++i) {
      progress.check();
      block.run(i * kWidth, out.data());
    }
  });
  return out;
}

void distance_transform(const uint8_t* mask, const Grid& grid, double* out, const Progress& progress) {
  PointSet all;
  const int64_t nx = grid.size[0];
  all.x.resize(static_cast<size_t>(grid.voxels()));
  for (int64_t row = 0; row < grid.rows(); ++row) {
    all.start.push_back(row * nx);
    std::iota(all.x.begin() + row * nx, all.x.begin() + (row + 1) * nx, 0);
  }
  all.start.push_back(grid.voxels());
  const std::vector<double> found = distances(grid, points_of(mask, grid), all, progress);
  std::copy(found.begin(), found.end(), out);
}

}  // namespace gmiseg::metrics
