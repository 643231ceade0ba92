#include "synth/view.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::synth {

namespace {

constexpr float kPi = 3.14159265F;

}  // namespace

ViewSpec aligned_view(Rng rng) {
  ViewSpec spec;
  // Most pictures of a modality come in one of eight orientations, some stand askew.
  spec.turn = kPi / 2 * static_cast<float>(rng.chance(0.6F) ? 0 : rng.below(4));
  if (rng.chance(0.3F)) spec.turn += rng.uniform(-0.5F, 0.5F);
  spec.flip = rng.chance(0.5F);
  spec.zoom = rng.uniform(0.85F, 1.15F);
  spec.aspect = rng.uniform(0.9F, 1.1F);
  const float spread = rng.uniform(0.2F, 1.0F);
  spec.subject_turn = spread * 0.09F;
  spec.subject_zoom = spread * 0.09F;
  spec.subject_shift = spread * 0.07F;
  spec.subject_aspect = spread * 0.05F;
  spec.warp = rng.uniform(0.2F, 0.7F);
  spec.warp_cells = rng.uniform(2, 5);
  return spec;
}

ViewSpec loose_view(Rng rng) {
  ViewSpec spec = aligned_view(rng.fork(1));
  const float spread = rng.uniform(1.2F, 3.0F);
  spec.subject_turn = spread * 0.09F;
  spec.subject_zoom = spread * 0.07F;
  spec.subject_shift = spread * 0.07F;
  spec.subject_aspect = spread * 0.04F;
  return spec;
}

ViewSpec unaligned_view(Rng rng) {
  ViewSpec spec;
  spec.turn = rng.uniform(0, 2 * kPi);
  spec.zoom = rng.log_uniform(0.7F, 1.4F);
  spec.subject_zoom = rng.uniform(0.02F, 0.2F);
  spec.subject_shift = 0.3F;
  spec.warp = rng.uniform(0.1F, 0.6F);
  spec.warp_cells = rng.uniform(2, 6);
  spec.any_turn = true;
  return spec;
}

View make_view(const ViewSpec& spec, Rng rng, int64_t size) {
  const auto n = static_cast<size_t>(size);
  Rng pose = rng.fork(1);
  float turn = spec.turn + spec.subject_turn * pose.normal();
  bool flip = spec.flip;
  if (spec.any_turn) {
    turn += pose.uniform(0, 2 * kPi);
    flip = pose.chance(0.5F);
  }
  const float zoom = spec.zoom * std::exp(spec.subject_zoom * pose.normal());
  const float aspect = spec.aspect * std::exp(spec.subject_aspect * pose.normal());
  const float shift_x = spec.subject_shift * pose.normal(), shift_y = spec.subject_shift * pose.normal();
  // Picture -> frame is the inverse of what the patient does.
  const float width = 1 / (zoom * std::sqrt(aspect)), height = std::sqrt(aspect) / zoom;
  const float c = std::cos(turn), s = std::sin(turn);
  const float xx = c * width * (flip ? -1.0F : 1.0F), xy = -s * height;
  const float yx = s * width * (flip ? -1.0F : 1.0F), yy = c * height;

  View view;
  view.x.assign(n * n, 0);
  view.y.assign(n * n, 0);
  view.pixel = 2 / (static_cast<float>(size) * zoom);
  // A spline displacement of spacing h is one-to-one while its nodes stay below
  // h / 2.48 in each coordinate (Choi and Lee 2000); the scales share that allowance.
  const float strength = spec.warp * pose.uniform(0.5F, 1.0F);
  const float least = std::min(width, height);
  const float shares[] = {0.6F, 0.4F};
  float cells = spec.warp_cells;
  for (uint64_t level = 0; level < 2; ++level, cells *= 2.3F) {
    const int count = std::max(1, static_cast<int>(std::lround(cells)));
    const float most = shares[level] * 2 / static_cast<float>(count) / 2.48F * least;
    // Draws end at 2.2 deviations.
    Lattice(rng.fork(10 + level), count, count, 2.2F).add_to(view.x, size, strength * most / 2.2F);
    Lattice(rng.fork(20 + level), count, count, 2.2F).add_to(view.y, size, strength * most / 2.2F);
  }
  for (size_t row = 0; row < n; ++row) {
    const float v = (static_cast<float>(row) + 0.5F) * 2 / static_cast<float>(size) - 1 - shift_y;
    float *to_x = view.x.data() + row * n, *to_y = view.y.data() + row * n;
    for (size_t column = 0; column < n; ++column) {
      const float u = (static_cast<float>(column) + 0.5F) * 2 / static_cast<float>(size) - 1 - shift_x;
      to_x[column] += spec.centre_x + xx * u + xy * v;
      to_y[column] += spec.centre_y + yx * u + yy * v;
    }
  }
  return view;
}

double folded_share(const View& view, int64_t size) {
  int64_t folded = 0, mirrored = 0;
  const int64_t count = (size - 1) * (size - 1);
  for (int64_t row = 0; row + 1 < size; ++row) {
    for (int64_t column = 0; column + 1 < size; ++column) {
      const auto i = static_cast<size_t>(row * size + column);
      const auto below = i + static_cast<size_t>(size);
      const float determinant = (view.x[i + 1] - view.x[i]) * (view.y[below] - view.y[i]) -
                                (view.x[below] - view.x[i]) * (view.y[i + 1] - view.y[i]);
      if (determinant <= 0) ++folded;
      if (determinant >= 0) ++mirrored;
    }
  }
  // A mirrored picture has a negative determinant throughout: that is no fold.
  return static_cast<double>(std::min(folded, mirrored)) / static_cast<double>(count);
}

}  // namespace gmiseg::synth
