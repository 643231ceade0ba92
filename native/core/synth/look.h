// How structures look: grey or colour, texture, softness of their borders.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "synth/noise.h"
#include "synth/rng.h"
#include "synth/view.h"

namespace gmiseg::synth {

using Colour = std::array<float, 3>;

inline Colour grey(float value) { return {value, value, value}; }
inline Colour blend(const Colour& a, const Colour& b, float share) {
  return {a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share};
}
// Any hue; saturation and brightness in [0, 1].
Colour hue_colour(float hue, float saturation, float brightness);

struct Paint {
  Colour mean{0.5F, 0.5F, 0.5F};
  // Two textures of the look, the colour that they move along, and how far.
  std::array<int, 2> texture{0, 1};
  std::array<float, 2> amplitude{0, 0};
  Colour tint{1, 1, 1};
  float soft = 0;     // width of the border beyond a pixel's own, in the task's frame
  float opacity = 1;  // of what lies over something else
  bool add = false;   // adds to what is there (X-ray) instead of covering it
};

struct Texture {
  enum class Kind { kSmooth, kStripes, kSpots, kRidges } kind = Kind::kSmooth;
  float cells = 20;  // across the picture
  int octaves = 2;
  float stretch = 1, angle = 0;
};

struct Look {
  std::vector<Paint> paints;      // paints[0] is the ground
  std::vector<Texture> textures;  // at least two
  int channels = 1;
  bool bits = false;        // labels are bits: what lies over something leaves that its label
  float jitter = 0.02F;     // deviation of each paint's mean between subjects
  float resample = 0;       // as `jitter`, for the paints of `shifty` (scanner or contrast changes)
  std::vector<int> shifty;  // which
};

// Two or three textures as tissue has them.
std::vector<Texture> tissue_textures(Rng rng);
// A paint of this mean with texture strength drawn around `strength`.
Paint tissue(Rng& rng, Colour mean, float strength);
// The look of one subject.
Look vary(const Look& look, Rng rng);
// The texture's field, about unit deviation.
Plane make_texture(const Texture& texture, const View& view, int64_t size, Rng rng);

}  // namespace gmiseg::synth
