#include "synth/noise.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gmiseg::synth {

namespace {

struct Tap {
  int first = 0;  // of four neighbours
  std::array<float, 4> weight{};
};

// `position` in cells, 0 .. cells.
Tap tap_at(float position, int cells) {
  position = std::clamp(position, 0.0F, static_cast<float>(cells) - 1e-4F);
  const int first = static_cast<int>(position);
  const float t = position - static_cast<float>(first);
  const float s = 1 - t, t2 = t * t, t3 = t2 * t;
  return {first, {s * s * s / 6, (3 * t3 - 6 * t2 + 4) / 6, (-3 * t3 + 3 * t2 + 3 * t + 1) / 6, t3 / 6}};
}

std::vector<Tap> taps(int64_t size, int cells) {
  std::vector<Tap> all;
  all.reserve(static_cast<size_t>(size));
  const float step = static_cast<float>(cells) / static_cast<float>(size);
  for (int64_t i = 0; i < size; ++i) all.push_back(tap_at((static_cast<float>(i) + 0.5F) * step, cells));
  return all;
}

}  // namespace

Lattice::Lattice(Rng rng, int columns, int rows, float limit)
    : columns(columns), rows(rows), values(static_cast<size_t>((columns + 3) * (rows + 3))) {
  for (auto& value : values) value = std::clamp(rng.normal(), -limit, limit);
}

void Lattice::add_to(Plane& plane, int64_t size, float amplitude) const {
  const auto n = static_cast<size_t>(size);
  const auto across = taps(size, columns), down = taps(size, rows);
  const auto pitch = static_cast<size_t>(columns + 3);
  // Along the rows first: those are few.
  std::vector<float> wide(static_cast<size_t>(rows + 3) * n);
  for (size_t r = 0; r < static_cast<size_t>(rows + 3); ++r) {
    const float* from = values.data() + r * pitch;
    float* to = wide.data() + r * n;
    for (size_t x = 0; x < n; ++x) {
      const Tap& tap = across[x];
      const float* v = from + tap.first;
      to[x] = amplitude *
              (v[0] * tap.weight[0] + v[1] * tap.weight[1] + v[2] * tap.weight[2] + v[3] * tap.weight[3]);
    }
  }
  for (size_t y = 0; y < n; ++y) {
    const Tap& tap = down[y];
    const float* a = wide.data() + static_cast<size_t>(tap.first) * n;
    const float *b = a + n, *c = b + n, *d = c + n;
    float* to = plane.data() + y * n;
    const float w0 = tap.weight[0], w1 = tap.weight[1], w2 = tap.weight[2], w3 = tap.weight[3];
    for (size_t x = 0; x < n; ++x) to[x] += w0 * a[x] + w1 * b[x] + w2 * c[x] + w3 * d[x];
  }
}

Plane fractal(Rng rng, int64_t size, float cells, int octaves, float fall, float stretch) {
  Plane plane(static_cast<size_t>(size * size));
  float power = 0, strength = 1;
  for (int i = 0; i < octaves; ++i, strength *= fall) power += strength * strength;
  strength = kSplineGain / std::sqrt(power);
  for (int i = 0; i < octaves; ++i, strength *= fall, cells *= 2) {
    const auto count = [](float c) { return std::clamp(static_cast<int>(std::lround(c)), 1, 256); };
    const int across = count(cells * stretch), down = count(cells / stretch);
    Lattice(rng.fork(static_cast<uint64_t>(i)), across, down).add_to(plane, size, strength);
  }
  return plane;
}

std::vector<float> curve(Rng rng, int count, int cells) {
  std::vector<float> nodes(static_cast<size_t>(cells + 3)), out(static_cast<size_t>(count));
  for (auto& node : nodes) node = rng.normal() * 1.45F;
  for (int i = 0; i < count; ++i) {
    const Tap tap = tap_at(static_cast<float>(i * cells) / static_cast<float>(std::max(1, count - 1)), cells);
    float sum = 0;
    for (size_t k = 0; k < 4; ++k) sum += nodes[static_cast<size_t>(tap.first) + k] * tap.weight[k];
    out[static_cast<size_t>(i)] = sum;
  }
  return out;
}

}  // namespace gmiseg::synth
