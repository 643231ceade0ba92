// Stacked wavy bands: retina in coherence tomography, skin, a vessel's wall.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

constexpr int kSteps = 256;
constexpr float kReach = 2;  // of the frame that the curves cover

class Layers final : public Family {
 public:
  explicit Layers(Rng rng) {
    Rng draw = rng.fork(1);
    name = "layers";
    aligned = true;
    view = aligned_view(rng.fork(2));
    view.zoom = draw.uniform(0.9F, 1.3F);
    const float kind = draw.uniform();
    modality = kind < 0.6F    ? Modality::kUltrasound
               : kind < 0.75F ? Modality::kMicroscopy
               : kind < 0.9F  ? Modality::kMagnetic
                              : Modality::kElectron;
    look.channels = modality == Modality::kMicroscopy ? 3 : 1;
    look.textures = {{Texture::Kind::kSmooth, draw.uniform(8, 24), 2, draw.uniform(0.25F, 0.6F), 0},
                     {Texture::Kind::kSmooth, draw.uniform(40, 90), 1, draw.uniform(0.4F, 1), 0}};
    look.jitter = draw.log_uniform(0.01F, 0.04F);
    count_ = draw.between(4, 10);
    const float hue = draw.uniform(0.8F, 1.1F);
    const auto colour = [&](float value) {
      return look.channels == 3 ? hue_colour(hue + draw.uniform(-0.08F, 0.08F), draw.uniform(0.1F, 0.6F),
                                             0.4F + 0.6F * value)
                                : grey(value);
    };
    const bool dark = draw.chance(0.75F);
    add_paint(tissue(draw, colour(dark ? draw.uniform(0.03F, 0.2F) : 0.95F), 0.02F));
    float last = 0.1F;
    for (int k = 1; k <= count_; ++k) {
      // Neighbours differ; bands further off may be alike.
      float value = draw.uniform(0.15F, 0.95F);
      if (std::fabs(value - last) < 0.1F) value = value > 0.5F ? value - 0.3F : value + 0.3F;
      last = value;
      add_paint(tissue(draw, colour(value), draw.log_uniform(0.02F, 0.1F)));
    }
    const bool below_dark = draw.chance(0.5F);
    add_paint(
        tissue(draw, colour(below_dark ? draw.uniform(0.05F, 0.25F) : draw.uniform(0.3F, 0.6F)), 0.06F));
    pocket_paint_ = add_paint(tissue(draw, colour(draw.uniform(0.02F, 0.2F)), 0.02F));
    float depth = 0;
    for (int k = 0; k < count_; ++k) {
      thickness_.push_back(draw.log_uniform(0.03F, 0.22F));
      depth += thickness_.back();
    }
    const float fit = std::min(1.0F, draw.uniform(0.8F, 1.5F) / depth);
    for (auto& value : thickness_) value *= fit;
    top_ = -0.5F * depth * fit + draw.uniform(-0.25F, 0.15F);
    waves_ = draw.log_uniform(0.015F, 0.12F);
    wave_cells_ = draw.between(2, 7);
    pit_ = draw.chance(0.4F) ? draw.uniform(0.3F, 0.9F) : 0;
    ridges_ = modality == Modality::kMicroscopy || draw.chance(0.2F) ? draw.uniform(0.02F, 0.1F) : 0;
    ragged_ = draw.log_uniform(0.003F, 0.02F);
    soft_ = draw.chance(0.5F) ? draw.log_uniform(0.005F, 0.03F) : 0;
    pockets_ = draw.chance(0.4F) ? draw.between(1, 6) : 0;
    shadows_ = draw.chance(0.35F);
    vary_ = draw.uniform(0.08F, 0.3F);
    for (int k = 1; k <= count_; ++k) add_target("band", {k});
    for (int k = 1; k < count_; ++k) add_target("two bands", {k, k + 1}, 0.4F);
    if (pockets_ > 0) add_target("pockets", {kPocket});
  }

  void draw(Canvas& canvas, Rng rng) const override {
    // Borders from the top down, over the frame's width.
    std::vector<std::vector<float>> borders;
    Rng own = rng.fork(1);
    const auto common = curve(rng.fork(2), kSteps, wave_cells_), ridge = curve(rng.fork(3), kSteps, 26);
    const float shift = 0.05F * own.normal(), tilt = 0.06F * own.normal(), pit_at = 0.1F * own.normal();
    std::vector<float> border(kSteps);
    for (size_t i = 0; i < kSteps; ++i) {
      border[i] = top_ + shift + tilt * place(i) + waves_ * common[i];
    }
    borders.push_back(border);
    for (int k = 0; k < count_; ++k) {
      const auto local = curve(rng.fork(10 + static_cast<uint64_t>(k)), kSteps, 24);
      const auto slow = curve(rng.fork(40 + static_cast<uint64_t>(k)), kSteps, 4);
      const float thick = thickness_[static_cast<size_t>(k)] * std::exp(vary_ * own.normal());
      for (size_t i = 0; i < kSteps; ++i) {
        const float from = place(i) - pit_at, dip = std::exp(-from * from * 30);
        // The pit thins the upper half.
        float width =
            thick * std::max(0.15F, 1 + 0.5F * vary_ * slow[i]) * (k < count_ / 2 ? 1 - pit_ * dip : 1);
        width += ragged_ * local[i] + (k == count_ / 2 ? ridges_ * ridge[i] : 0);
        border[i] += std::max(0.008F, width);
      }
      borders.push_back(border);
    }
    const View& view = canvas.view();
    const float inverse = 1 / (view.pixel + soft_);
    for (size_t i = 0; i < view.x.size(); ++i) {
      const float at = std::clamp((view.x[i] + kReach) * (kSteps - 1) / (2 * kReach), 0.0F, kSteps - 1.01F);
      const auto step = static_cast<size_t>(at);
      const float part = at - static_cast<float>(step);
      for (int k = 0; k <= count_; ++k) {
        const auto& line = borders[static_cast<size_t>(k)];
        const float cover = 0.5F + (view.y[i] - line[step] - part * (line[step + 1] - line[step])) * inverse;
        if (cover <= 0) break;
        // Only the last two that begin above the pixel show.
        if (k < count_) {
          const auto& next = borders[static_cast<size_t>(k) + 1];
          if (0.5F + (view.y[i] - next[step] - part * (next[step + 1] - next[step])) * inverse >= 1) continue;
        }
        canvas.mix(i, k + 1, k + 1, std::min(cover, 1.0F));
      }
    }
    Labels within{};
    for (int k = 1; k <= count_; ++k) within[static_cast<size_t>(k)] = true;
    Rng lay = rng.fork(4);
    for (int k = 0; k < pockets_; ++k) {
      Blob pocket;
      pocket.x = lay.uniform(-0.8F, 0.8F);
      const auto step = static_cast<size_t>((pocket.x + kReach) * (kSteps - 1) / (2 * kReach));
      const float share = lay.uniform(0.2F, 0.8F);
      pocket.y = borders.front()[step] + share * (borders.back()[step] - borders.front()[step]);
      pocket.rx = lay.log_uniform(0.03F, 0.14F);
      pocket.ry = pocket.rx * lay.uniform(0.4F, 0.8F);
      pocket.roughen(lay, 0.08F);
      paint_blob(canvas, pocket, pocket_paint_, kPocket, &within);
    }
    if (shadows_) shadow(canvas, rng.fork(5), borders.front());
  }

 private:
  static constexpr int kPocket = 100;
  static float place(size_t step) { return (2 * static_cast<float>(step) / (kSteps - 1) - 1) * kReach; }

  // What lies on top keeps light from the columns below it.
  static void shadow(Canvas& canvas, Rng rng, const std::vector<float>& top) {
    auto line = curve(rng, kSteps, 40);
    for (auto& value : line) value = 1 - 0.6F * std::clamp(value - 1.1F, 0.0F, 1.0F);
    const View& view = canvas.view();
    for (size_t i = 0; i < view.x.size(); ++i) {
      const auto step = static_cast<size_t>(
          std::clamp((view.x[i] + kReach) * (kSteps - 1) / (2 * kReach), 0.0F, kSteps - 1.0F));
      if (view.y[i] < top[step]) continue;
      for (int c = 0; c < canvas.channels(); ++c) canvas.values()[static_cast<size_t>(c)][i] *= line[step];
    }
  }

  int count_, wave_cells_, pocket_paint_, pockets_;
  std::vector<float> thickness_;
  float top_, waves_, pit_, ridges_, ragged_, soft_, vary_;
  bool shadows_;
};

}  // namespace

FamilyPtr make_layers(Rng rng) { return std::make_unique<Layers>(rng); }

}  // namespace gmiseg::synth
