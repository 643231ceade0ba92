// Smooth random fields: draws on a coarse lattice, a cubic B-spline between them.
#pragma once

#include <cstdint>
#include <vector>

#include "synth/rng.h"

namespace gmiseg::synth {

using Plane = std::vector<float>;

struct Lattice {
  int columns = 0, rows = 0;  // cells; (columns + 3) x (rows + 3) values
  std::vector<float> values;

  // Independent normal draws, never beyond `limit` deviations.
  Lattice(Rng rng, int columns, int rows, float limit = 4);
  // plane[size, size] += amplitude * field
  void add_to(Plane& plane, int64_t size, float amplitude) const;
};

// A spline of unit draws has a deviation of about .48.
inline constexpr float kSplineGain = 2.08F;

// A sum of octaves with about unit deviation: `cells` across the picture in the
// first, twice as many in each further one, each `fall` times as strong.
Plane fractal(Rng rng, int64_t size, float cells, int octaves, float fall = 0.6F, float stretch = 1);

// 1-D: `count` values of a smooth curve with about unit deviation.
std::vector<float> curve(Rng rng, int count, int cells);

}  // namespace gmiseg::synth
