// Regions where one of several smooth random fields is the largest.
#include <algorithm>
#include <cmath>

#include "synth/family.h"

namespace gmiseg::synth {

namespace {

class NoiseLabel final : public Family {
 public:
  explicit NoiseLabel(Rng rng) : fields_(rng.fork(1)) {
    Rng draw = rng.fork(2);
    name = "noise-label";
    aligned = draw.chance(0.75F);
    view = aligned ? aligned_view(rng.fork(3)) : unaligned_view(rng.fork(3));
    count_ = draw.between(3, 12);
    cells_ = draw.log_uniform(1.5F, 7);
    fine_ = draw.chance(0.5F) ? draw.uniform(0.2F, 0.6F) : 0;
    own_ = aligned ? draw.uniform(0, 0.25F) : 1;
    look.channels = draw.chance(0.25F) ? 3 : 1;
    modality = any_modality(draw, look.channels);
    look.textures = tissue_textures(rng.fork(4));
    look.jitter = draw.log_uniform(0.008F, 0.04F);
    // Some share a grey: only place or neighbours tell those apart.
    const float hue = draw.uniform();
    for (int k = 0; k < count_; ++k) {
      Colour mean = look.channels == 3 ? hue_colour(hue + draw.uniform(-0.15F, 0.15F),
                                                    draw.uniform(0.1F, 0.7F), draw.uniform(0.2F, 0.95F))
                                       : grey(draw.uniform(0.05F, 0.95F));
      if (aligned && k > 1 && draw.chance(0.35F)) {
        mean = look.paints[static_cast<size_t>(draw.below(k))].mean;
      }
      Paint paint = tissue(draw, mean, draw.log_uniform(0.01F, 0.12F));
      add_paint(paint);
    }
    if (aligned && draw.chance(0.25F)) {
      look.resample = draw.uniform(0.08F, 0.3F);
      for (int k = 0; k < count_; ++k) look.shifty.push_back(k);
    }
    for (int k = 0; k < count_; ++k) add_target("region", {k});
    for (int k = 0; k < count_ / 2; ++k) {
      add_target("union", {draw.below(count_), draw.below(count_), draw.below(count_)}, 0.5F);
    }
  }

  void draw(Canvas& canvas, Rng rng) const override {
    const auto size = canvas.size();
    const auto n = static_cast<size_t>(size * size);
    // The fields on a grid of the task's frame, all of a place together.
    constexpr int kGrid = 72, kMost = 16;
    constexpr float kReach = 1.7F;  // of the frame that the grid covers
    std::vector<float> grid(static_cast<size_t>(kGrid * kGrid * kMost), -1e3F);
    for (int k = 0; k < count_; ++k) {
      const auto index = static_cast<uint64_t>(k);
      Plane plane(static_cast<size_t>(kGrid * kGrid));
      add_field(plane, fields_.fork(index), 1 - own_);
      if (own_ > 0) add_field(plane, rng.fork(index), own_);
      for (size_t i = 0; i < plane.size(); ++i) grid[i * kMost + static_cast<size_t>(k)] = plane[i];
    }
    const View& view = canvas.view();
    const float scale = (kGrid - 1) / (2 * kReach);
    for (size_t i = 0; i < n; ++i) {
      const float gx = std::clamp((view.x[i] + kReach) * scale, 0.0F, kGrid - 1.001F);
      const float gy = std::clamp((view.y[i] + kReach) * scale, 0.0F, kGrid - 1.001F);
      const int ix = static_cast<int>(gx), iy = static_cast<int>(gy);
      const float fx = gx - static_cast<float>(ix), fy = gy - static_cast<float>(iy);
      const float* a = grid.data() + static_cast<size_t>(iy * kGrid + ix) * kMost;
      const float *b = a + kMost, *c = a + kGrid * kMost, *d = c + kMost;
      float sums[kMost];
      for (int k = 0; k < kMost; ++k) {
        const float top = a[k] + fx * (b[k] - a[k]), bottom = c[k] + fx * (d[k] - c[k]);
        sums[k] = top + fy * (bottom - top);
      }
      int best = 0, second = 1;
      if (sums[1] > sums[0]) std::swap(best, second);
      for (int k = 2; k < count_; ++k) {
        if (sums[k] > sums[best]) {
          second = best;
          best = k;
        } else if (sums[k] > sums[second]) {
          second = k;
        }
      }
      canvas.fill(i, best, best);
      // Near the border the pixel holds some of both.
      const float lead = (sums[best] - sums[second]) / (view.pixel * cells_ * 1.6F);
      if (lead < 1) {
        const float share = 0.5F * (1 - lead);
        for (size_t ch = 0; ch < static_cast<size_t>(canvas.channels()); ++ch) {
          float& value = canvas.values()[ch][i];
          value += share * (canvas.shade(canvas.look().paints[static_cast<size_t>(second)], i, ch) - value);
        }
      }
    }
  }

 private:
  void add_field(Plane& plane, Rng rng, float strength) const {
    const int64_t side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(plane.size()))));
    const int cells = std::max(1, static_cast<int>(std::lround(cells_ * 1.7F)));
    Lattice(rng.fork(1), cells, cells).add_to(plane, side, strength * kSplineGain);
    if (fine_ > 0)
      Lattice(rng.fork(2), cells * 3, cells * 3).add_to(plane, side, strength * fine_ * kSplineGain);
  }

  Rng fields_;
  int count_;
  float cells_, fine_, own_;
};

}  // namespace

FamilyPtr make_noise_label(Rng rng) { return std::make_unique<NoiseLabel>(rng); }

}  // namespace gmiseg::synth
