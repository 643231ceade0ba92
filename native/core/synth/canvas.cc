#include "synth/canvas.h"

#include <utility>

namespace gmiseg::synth {

Canvas::Canvas(int64_t size, View view, Look look, Rng rng)
    : size_(size), view_(std::move(view)), look_(std::move(look)) {
  const auto n = static_cast<size_t>(size);
  for (size_t t = 0; t < look_.textures.size(); ++t) {
    textures_.push_back(make_texture(look_.textures[t], view_, size, rng.fork(t)));
  }
  labels_.assign(n * n, 0);
  for (size_t c = 0; c < static_cast<size_t>(look_.channels); ++c) {
    values_[c].resize(n * n);
    for (size_t i = 0; i < n * n; ++i) values_[c][i] = shade(look_.paints[0], i, c);
  }
  const size_t side = n / 8;
  blocks_.assign(side * side, Box{1e9F, 1e9F, -1e9F, -1e9F});
  for (size_t row = 0; row < n; ++row) {
    for (size_t column = 0; column < n; ++column) {
      Box& box = blocks_[(row / 8) * side + column / 8];
      const float x = view_.x[row * n + column], y = view_.y[row * n + column];
      box.x0 = std::min(box.x0, x);
      box.x1 = std::max(box.x1, x);
      box.y0 = std::min(box.y0, y);
      box.y1 = std::max(box.y1, y);
    }
  }
}

}  // namespace gmiseg::synth
