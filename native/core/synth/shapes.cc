#include "synth/shapes.h"

namespace gmiseg::synth {

void Blob::roughen(Rng& rng, float rough) {
  float total = 0;
  for (size_t k = 0; k < kTerms; ++k) {
    const float strength = rough / std::pow(static_cast<float>(k) + 1, 1.3F);
    cosine[k] = strength * rng.normal();
    sine[k] = strength * rng.normal();
    total += std::hypot(cosine[k], sine[k]);
  }
  // The radius stays above zero.
  if (total > 0.7F) {
    for (size_t k = 0; k < kTerms; ++k) {
      cosine[k] *= 0.7F / total;
      sine[k] *= 0.7F / total;
    }
  }
}

Blob Blob::mirrored() const {
  // Reflecting x turns the angle t of the own frame into pi - t; the frame's own
  // x axis is turned round so that the orders keep their sign but for the sines.
  Blob out = *this;
  out.x = -x;
  out.turn = -turn;
  for (size_t k = 0; k < kTerms; ++k) {
    const float sign = (k % 2 == 0) ? 1.0F : -1.0F;  // order k + 2
    out.cosine[k] = sign * cosine[k];
    out.sine[k] = -sign * sine[k];
  }
  return out;
}

Box Blob::box() const {
  float reach = 1;
  for (size_t k = 0; k < kTerms; ++k) reach += std::hypot(cosine[k], sine[k]);
  const float c = std::cos(turn), s = std::sin(turn), grown = std::max(0.0F, -inset);
  const float w = reach * std::hypot(c * rx, s * ry) + grown, h = reach * std::hypot(s * rx, c * ry) + grown;
  return {x - w, y - h, x + w, y + h};
}

Blob::Field Blob::field() const {
  return {
      x,      y,   std::cos(turn), std::sin(turn), 1 / std::max(rx, 1e-4F), 1 / std::max(ry, 1e-4F), inset,
      cosine, sine};
}

void paint_blob(Canvas& canvas, const Blob& blob, int paint, int label, const Labels* clip) {
  if (blob.rx < 1e-3F || blob.ry < 1e-3F) return;
  canvas.paint(blob.box(), paint, label, blob.field(), clip);
}

Box Stroke::box() const {
  const float r = std::max(r0, r1);
  return {std::min(x0, x1) - r, std::min(y0, y1) - r, std::max(x0, x1) + r, std::max(y0, y1) + r};
}

Polygon regular_polygon(float x, float y, float radius, int sides, float turn) {
  Polygon polygon;
  polygon.sides = std::clamp(sides, 3, Polygon::kMost);
  polygon.x = x;
  polygon.y = y;
  polygon.reach = radius;
  const float step = 6.2831853F / static_cast<float>(polygon.sides);
  for (int k = 0; k < polygon.sides; ++k) {
    const auto i = static_cast<size_t>(k);
    polygon.nx[i] = std::cos(turn + step * static_cast<float>(k));
    polygon.ny[i] = std::sin(turn + step * static_cast<float>(k));
    polygon.offset[i] = radius * std::cos(step / 2);
  }
  return polygon;
}

Polygon rectangle(float x, float y, float half_width, float half_height, float turn) {
  Polygon polygon = regular_polygon(x, y, 1, 4, turn);
  polygon.offset = {half_width, half_height, half_width, half_height};
  polygon.reach = std::hypot(half_width, half_height);
  return polygon;
}

}  // namespace gmiseg::synth
