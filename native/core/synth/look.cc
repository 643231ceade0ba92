#include "synth/look.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::synth {

Colour hue_colour(float hue, float saturation, float brightness) {
  Colour out{};
  for (size_t c = 0; c < 3; ++c) {
    const float turned = hue * 6 + (c == 0 ? 5.0F : c == 1 ? 3.0F : 1.0F);
    const float k = turned - 6 * std::floor(turned / 6);
    out[c] = brightness * (1 - saturation * std::clamp(std::min(k, 4 - k), 0.0F, 1.0F));
  }
  return out;
}

std::vector<Texture> tissue_textures(Rng rng) {
  std::vector<Texture> all;
  all.push_back({Texture::Kind::kSmooth, rng.log_uniform(5, 18), rng.between(2, 3), 1, 0});
  const float finer = rng.uniform();
  if (finer < 0.55F) {
    all.push_back({Texture::Kind::kSmooth, rng.log_uniform(24, 90), rng.between(1, 2),
                   rng.chance(0.3F) ? rng.log_uniform(0.4F, 2.5F) : 1.0F, 0});
  } else if (finer < 0.78F) {
    all.push_back({Texture::Kind::kSpots, rng.log_uniform(24, 80), 1, 1, 0});
  } else if (finer < 0.96F) {
    all.push_back({Texture::Kind::kRidges, rng.log_uniform(8, 30), 1, 1, 0});
  } else {
    all.push_back({Texture::Kind::kStripes, rng.log_uniform(12, 40), 1, 1, rng.uniform(0, 3.14F)});
  }
  return all;
}

Paint tissue(Rng& rng, Colour mean, float strength) {
  Paint paint;
  paint.mean = mean;
  paint.amplitude = {strength * rng.uniform(0, 1.2F), strength * rng.uniform(0, 1.2F)};
  return paint;
}

Look vary(const Look& look, Rng rng) {
  Look out = look;
  // One shift for all and one for each: a scanner's settings, a patient's tissue.
  const float common = rng.normal() * look.jitter;
  for (auto& paint : out.paints) {
    const float own = common + rng.normal() * look.jitter;
    for (auto& value : paint.mean)
      value += own + (look.channels == 3 ? rng.normal() * look.jitter * 0.5F : 0);
    for (auto& value : paint.amplitude) value *= std::exp(0.15F * rng.normal());
  }
  for (const int index : look.shifty) {
    const float own = rng.normal() * look.resample;
    for (auto& value : out.paints[static_cast<size_t>(index)].mean) {
      value = std::clamp(value + own, 0.02F, 0.98F);
    }
  }
  return out;
}

Plane make_texture(const Texture& texture, const View& view, int64_t size, Rng rng) {
  Plane plane = fractal(rng.fork(1), size, texture.cells, texture.octaves, 0.7F, texture.stretch);
  switch (texture.kind) {
    case Texture::Kind::kSmooth:
      break;
    case Texture::Kind::kSpots:
      for (auto& value : plane) value = 2.2F * std::max(0.0F, value - 0.5F) - 0.4F;
      break;
    case Texture::Kind::kRidges:
      for (auto& value : plane) value = 2.6F * std::max(0.0F, 0.6F - std::fabs(value)) - 0.5F;
      break;
    case Texture::Kind::kStripes: {
      // A sine of a wobbling phase, as a parabola.
      plane = fractal(rng.fork(2), size, std::max(2.0F, texture.cells / 6), 1);
      const float x = std::cos(texture.angle) * texture.cells / 2;
      const float y = std::sin(texture.angle) * texture.cells / 2;
      for (size_t i = 0; i < plane.size(); ++i) {
        const float phase = view.x[i] * x + view.y[i] * y + 0.22F * plane[i];
        const float u = 2 * (phase - std::floor(phase)) - 1;
        plane[i] = 5.6F * u * (1 - std::fabs(u));
      }
      break;
    }
  }
  return plane;
}

}  // namespace gmiseg::synth
