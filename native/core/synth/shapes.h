// Shapes as fields: positive inside, about the distance to the border.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "synth/canvas.h"
#include "synth/rng.h"

namespace gmiseg::synth {

// 1 / sqrt(x) to six digits. Unlike std::sqrt, which may set errno, it leaves loops
// over pixels to the compiler's vector units.
inline float inverse_root(float x) {
  const float half = 0.5F * x;
  float y = std::bit_cast<float>(0x5F375A86 - (std::bit_cast<int32_t>(x) >> 1));
  y *= 1.5F - half * y * y;
  y *= 1.5F - half * y * y;
  return y * (1.5F - half * y * y);
}

// A closed curve round a centre: an ellipse with Fourier terms on its radius.
struct Blob {
  static constexpr int kTerms = 6;  // of orders 2 .. 7
  float x = 0, y = 0, rx = 0.2F, ry = 0.2F, turn = 0;
  std::array<float, kTerms> cosine{}, sine{};
  float inset = 0;  // how far the border is drawn in

  // The radius' terms: `rough` is their deviation at order 2.
  void roughen(Rng& rng, float rough);
  Blob scaled(float factor) const {
    Blob out = *this;
    out.rx *= factor;
    out.ry *= factor;
    return out;
  }
  Blob moved(float dx, float dy) const {
    Blob out = *this;
    out.x += dx;
    out.y += dy;
    return out;
  }
  Blob shrunk(float by) const {
    Blob out = *this;
    out.inset += by;
    return out;
  }
  // About the axis x = 0.
  Blob mirrored() const;
  Box box() const;

  struct Field {
    float x, y, c, s, ix, iy, inset;
    std::array<float, kTerms> cosine, sine;
    float operator()(float px, float py) const {
      const float dx = px - x, dy = py - y;
      const float qx = (c * dx + s * dy) * ix, qy = (c * dy - s * dx) * iy;
      const float square = qx * qx + qy * qy + 1e-8F, over = inverse_root(square), rho = square * over;
      const float c1 = qx * over, s1 = qy * over;
      float ck = c1, sk = s1, radius = 1;
      for (int k = 0; k < kTerms; ++k) {
        const float next = ck * c1 - sk * s1;
        sk = sk * c1 + ck * s1;
        ck = next;
        radius += cosine[static_cast<size_t>(k)] * ck + sine[static_cast<size_t>(k)] * sk;
      }
      const float gx = c1 * ix, gy = s1 * iy;
      return (radius - rho) * inverse_root(gx * gx + gy * gy) - inset;
    }
  };
  Field field() const;
};

void paint_blob(Canvas& canvas, const Blob& blob, int paint, int label, const Labels* clip = nullptr);

// A stroke from one point to another, its half width going from one to the other.
struct Stroke {
  float x0, y0, r0, x1, y1, r1;
  Box box() const;
  float operator()(float px, float py) const {
    const float dx = x1 - x0, dy = y1 - y0;
    const float t = std::clamp(((px - x0) * dx + (py - y0) * dy) / (dx * dx + dy * dy + 1e-12F), 0.0F, 1.0F);
    const float ex = px - x0 - t * dx, ey = py - y0 - t * dy;
    const float square = ex * ex + ey * ey + 1e-12F;
    return r0 + (r1 - r0) * t - square * inverse_root(square);
  }
};

// A convex polygon round a centre.
struct Polygon {
  static constexpr int kMost = 8;
  int sides = 0;
  float x = 0, y = 0, reach = 0;
  std::array<float, kMost> nx{}, ny{}, offset{};
  float operator()(float px, float py) const {
    float least = 1e9F;
    for (int k = 0; k < sides; ++k) {
      const auto i = static_cast<size_t>(k);
      least = std::min(least, offset[i] - nx[i] * (px - x) - ny[i] * (py - y));
    }
    return least;
  }
  Box box() const { return {x - reach, y - reach, x + reach, y + reach}; }
};
Polygon regular_polygon(float x, float y, float radius, int sides, float turn);
Polygon rectangle(float x, float y, float half_width, float half_height, float turn);

}  // namespace gmiseg::synth
