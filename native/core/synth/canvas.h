// A picture being painted: values and labels at the target's resolution, shapes
// given as continuous fields over the task's frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "synth/look.h"
#include "synth/view.h"

namespace gmiseg::synth {

// Which of the 256 label values are meant.
using Labels = std::array<bool, 256>;
inline Labels labels_of(std::initializer_list<int> values) {
  Labels labels{};
  for (const int value : values) labels[static_cast<size_t>(value)] = true;
  return labels;
}

struct Box {
  float x0 = -1e9F, y0 = -1e9F, x1 = 1e9F, y1 = 1e9F;
};

class Canvas {
 public:
  static constexpr int kKeep = -1;  // paint without a label

  // Fills the ground with the look's paint 0 and label 0.
  Canvas(int64_t size, View view, Look look, Rng rng);

  // Paints where inside(x, y) is positive: a distance to the border in the task's
  // frame, which makes that border smooth. It may ask for the pixel's number as
  // well: inside(x, y, i). `clip`: only over these labels.
  // Where the paint adds, or the look says so, labels are bits and `label` is or-ed in.
  template <class Inside>
  void paint(const Box& box, int paint, int label, const Inside& inside, const Labels* clip = nullptr);

  int64_t size() const { return size_; }
  int channels() const { return look_.channels; }
  const View& view() const { return view_; }
  const Look& look() const { return look_; }
  std::array<Plane, 3>& values() { return values_; }
  std::vector<uint8_t>& labels() { return labels_; }
  const std::vector<uint8_t>& labels() const { return labels_; }
  // A texture's field.
  const Plane& texture(int index) const { return textures_[static_cast<size_t>(index)]; }
  // What a paint gives at pixel i in a channel.
  float shade(const Paint& paint, size_t i, size_t channel) const {
    return paint.mean[channel] +
           paint.tint[channel] * (paint.amplitude[0] * textures_[static_cast<size_t>(paint.texture[0])][i] +
                                  paint.amplitude[1] * textures_[static_cast<size_t>(paint.texture[1])][i]);
  }
  // Draws pixel i towards a paint; the label changes where the share is half or more.
  void mix(size_t i, int paint, int label, float share) {
    const auto& chosen = look_.paints[static_cast<size_t>(paint)];
    for (size_t c = 0; c < static_cast<size_t>(look_.channels); ++c) {
      values_[c][i] += share * (shade(chosen, i, c) - values_[c][i]);
    }
    if (label >= 0 && share >= 0.5F) labels_[i] = static_cast<uint8_t>(label);
  }
  // Sets pixel i to a paint and a label, all of it.
  void fill(size_t i, int paint, int label) {
    const auto& chosen = look_.paints[static_cast<size_t>(paint)];
    for (size_t c = 0; c < static_cast<size_t>(look_.channels); ++c) values_[c][i] = shade(chosen, i, c);
    if (label >= 0) labels_[i] = static_cast<uint8_t>(label);
  }

 private:
  int64_t size_;
  View view_;
  Look look_;
  std::array<Plane, 3> values_;
  std::vector<uint8_t> labels_;
  std::vector<Plane> textures_;
  std::vector<Box> blocks_;  // what of the frame each 8 x 8 block of pixels covers
};

template <class Inside>
void Canvas::paint(const Box& box, int paint, int label, const Inside& inside, const Labels* clip) {
  const Paint& chosen = look_.paints[static_cast<size_t>(paint)];
  const auto n = static_cast<size_t>(size_), side = n / 8, channels = static_cast<size_t>(look_.channels);
  const float border = view_.pixel + chosen.soft, inverse = 1 / border, margin = border * 0.5F;
  for (size_t block = 0; block < blocks_.size(); ++block) {
    const Box& here = blocks_[block];
    if (here.x1 < box.x0 - margin || here.x0 > box.x1 + margin || here.y1 < box.y0 - margin ||
        here.y0 > box.y1 + margin) {
      continue;
    }
    const size_t corner = (block / side) * 8 * n + (block % side) * 8;
    for (size_t row = 0; row < 8; ++row) {
      const size_t start = corner + row * n;
      const float *x = view_.x.data() + start, *y = view_.y.data() + start;
      // Plain loops without branches: the compiler makes vectors of them.
      float cover[8];
      for (size_t k = 0; k < 8; ++k) {
        if constexpr (std::is_invocable_v<Inside, float, float, size_t>) {
          cover[k] = inside(x[k], y[k], start + k);
        } else {
          cover[k] = inside(x[k], y[k]);
        }
      }
      float most = 0;
      for (size_t k = 0; k < 8; ++k) {
        const float share = 0.5F + cover[k] * inverse;
        cover[k] = share < 0 ? 0.0F : share > 1 ? 1.0F : share;
      }
      for (size_t k = 0; k < 8; ++k) most = cover[k] > most ? cover[k] : most;
      if (most <= 0) continue;
      for (size_t k = 0; k < 8; ++k) {
        const size_t i = start + k;
        if (cover[k] <= 0 || (clip != nullptr && !(*clip)[labels_[i]])) continue;
        const float share = cover[k] * chosen.opacity;
        for (size_t c = 0; c < channels; ++c) {
          float& value = values_[c][i];
          value += share * (chosen.add ? shade(chosen, i, c) : shade(chosen, i, c) - value);
        }
        if (label >= 0 && cover[k] >= 0.5F) {
          labels_[i] = static_cast<uint8_t>(chosen.add || look_.bits ? labels_[i] | label : label);
        }
      }
    }
  }
}

}  // namespace gmiseg::synth
