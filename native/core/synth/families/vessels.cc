// Branching vessels on a ground with a bright disc and spots, or fibres.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

constexpr float kPi = 3.14159265F;

class Vessels final : public Family {
 public:
  explicit Vessels(Rng rng) {
    Rng draw = rng.fork(1);
    name = "vessels";
    view = unaligned_view(rng.fork(2));
    view.zoom = draw.log_uniform(0.85F, 2.2F);
    view.warp *= 0.7F;
    fundus_ = draw.chance(0.55F);
    look.channels = draw.chance(fundus_ ? 0.65F : 0.25F) ? 3 : 1;
    modality = fundus_ ? Modality::kPhotograph : any_modality(draw, look.channels);
    // Speckle would drown what is this thin.
    if (modality == Modality::kUltrasound) modality = Modality::kXray;
    look.jitter = draw.log_uniform(0.01F, 0.05F);
    look.textures = tissue_textures(rng.fork(3));
    fibres_ = !fundus_ && draw.chance(0.4F);
    const bool dark = draw.chance(fundus_ ? 0.85F : 0.5F);
    Colour ground = grey(dark ? draw.uniform(0.4F, 0.8F) : draw.uniform(0.1F, 0.5F));
    if (look.channels == 3) {
      ground = fundus_ ? Colour{draw.uniform(0.6F, 0.9F), draw.uniform(0.3F, 0.5F), draw.uniform(0.1F, 0.3F)}
                       : hue_colour(draw.uniform(), draw.uniform(0.1F, 0.6F), draw.uniform(0.3F, 0.9F));
    }
    const float depth = draw.log_uniform(0.1F, 0.4F) * (dark ? -1.0F : 1.0F);
    const auto toned = [&](float by) {
      return Colour{ground[0] + by * (look.channels == 3 ? 0.7F : 1.0F), ground[1] + by,
                    ground[2] + by * (look.channels == 3 ? 0.5F : 1.0F)};
    };
    Paint base = tissue(draw, ground, draw.log_uniform(0.01F, fundus_ ? 0.04F : 0.07F));
    for (auto& value : base.amplitude) value = std::min(value, 0.3F * std::fabs(depth));
    add_paint(base);
    const auto vessel_paint = [&](float by) {
      Paint paint = tissue(draw, toned(by), 0.02F);
      paint.soft = draw.uniform(0, 0.012F);
      paint.opacity = draw.uniform(0.75F, 1.0F);
      return add_paint(paint);
    };
    first_paint_ = vessel_paint(depth);
    second_paint_ = vessel_paint(depth * draw.uniform(0.4F, 0.9F));
    Paint reflex = tissue(draw, toned(depth * 0.3F), 0);
    reflex.opacity = 0.6F;
    reflex_paint_ = draw.chance(0.3F) ? add_paint(reflex) : -1;
    Paint disc = tissue(draw, toned(std::fabs(depth) * draw.uniform(0.6F, 1.5F)), 0.03F);
    disc.soft = draw.uniform(0.01F, 0.06F);
    disc_paint_ = add_paint(disc);
    Paint cup = tissue(draw, toned(std::fabs(depth) * draw.uniform(1.2F, 2)), 0.03F);
    cup.soft = 0.04F;
    cup_paint_ = add_paint(cup);
    Paint fovea = tissue(draw, toned(-0.12F), 0.02F);
    fovea.soft = 0.3F;
    fovea.opacity = draw.uniform(0.3F, 0.9F);
    fovea_paint_ = add_paint(fovea);
    for (auto& paint : spot_paints_) {
      Paint spot = tissue(draw, toned(draw.sign() * draw.uniform(0.1F, 0.35F)), 0.03F);
      spot.soft = draw.uniform(0, 0.03F);
      paint = add_paint(spot);
    }
    has_disc_ = fundus_ && draw.chance(0.85F);
    disc_size_ = draw.uniform(0.1F, 0.18F);
    spots_ = draw.chance(0.5F) ? draw.between(2, 14) : 0;
    spot_size_ = draw.log_uniform(0.015F, 0.07F);
    width_ = draw.log_uniform(0.014F, 0.04F);
    wander_ = draw.log_uniform(0.04F, fundus_ ? 0.16F : 0.3F);
    fork_ = draw.uniform(0.05F, 0.12F);
    trees_ = draw.between(2, 6);
    step_ = 0.05F;
    look.bits = true;
    offer(fibres_ ? "fibres" : "vessels", kVessels, 3);
    if (!fibres_) offer("vessels of a type", 1, 1);
    if (has_disc_) {
      offer("disc", kDisc, 1);
      offer("cup", kCup, 0.7F);
    }
    if (spots_ > 0) {
      offer("spots", kSpot, 0.7F);
      offer("all spots", 3 * kSpot, 0.5F);
    }
    if (fundus_) frame = draw.chance(0.7F) ? 1 : 0;
    if (fundus_) view.zoom = draw.chance(0.6F) ? draw.uniform(0.9F, 1.15F) : draw.log_uniform(1.15F, 2.4F);
    if (fundus_) view.any_turn = draw.chance(0.3F);
    if (fundus_ && !view.any_turn) view.turn = 0.1F * draw.normal();
  }

  void draw(Canvas& canvas, Rng rng) const override {
    Rng lay = rng.fork(1);
    const float side = lay.sign();
    float x = side * lay.uniform(0.3F, 0.7F), y = 0.1F * lay.normal();
    if (!fundus_) {
      const float angle = lay.uniform(0, 2 * kPi), out = lay.uniform(0.2F, 1.3F);
      x = out * std::cos(angle);
      y = out * std::sin(angle);
    }
    if (fundus_) {
      Blob fovea;
      fovea.x = x - side * 0.75F;
      fovea.y = y;
      fovea.rx = fovea.ry = 0.14F;
      paint_blob(canvas, fovea, fovea_paint_, Canvas::kKeep);
    }
    if (has_disc_) {
      Blob disc;
      disc.x = x;
      disc.y = y;
      disc.rx = disc_size_ * std::exp(0.1F * lay.normal());
      disc.ry = disc.rx * lay.uniform(0.95F, 1.2F);
      disc.roughen(lay, 0.02F);
      paint_blob(canvas, disc, disc_paint_, kDisc);
      paint_blob(canvas, disc.scaled(lay.uniform(0.3F, 0.65F)).moved(0.02F * lay.normal(), 0), cup_paint_,
                 kCup);
    }
    for (int k = 0; k < spots_; ++k) {
      const int kind = lay.chance(0.5F) ? 1 : 0;
      Blob spot;
      spot.x = lay.uniform(-1, 1);
      spot.y = lay.uniform(-1, 1);
      spot.rx = spot_size_ * lay.log_uniform(0.5F, 1.6F);
      spot.ry = spot.rx * lay.uniform(0.6F, 1);
      spot.turn = lay.uniform(0, kPi);
      spot.roughen(lay, 0.15F);
      paint_blob(canvas, spot, spot_paints_[static_cast<size_t>(kind)], kSpot << kind);
    }
    if (fibres_) {
      const float main = lay.uniform(0, kPi);
      for (int k = lay.between(4, 24); k > 0; --k) {
        const float angle = main + 0.4F * lay.normal();
        grow(canvas, lay, lay.uniform(-1.2F, 1.2F), lay.uniform(-1.2F, 1.2F), angle,
             width_ * lay.uniform(0.2F, 0.6F), lay.below(2), false, 60);
      }
      return;
    }
    if (fundus_) {
      arcades(canvas, lay, x, y, side);
      return;
    }
    for (int tree = 0; tree < trees_; ++tree) {
      const float around =
          2 * kPi * (static_cast<float>(tree) + lay.uniform(-0.3F, 0.3F)) / static_cast<float>(trees_);
      float angle = around, sx = x, sy = y;
      if (!fundus_ && lay.chance(0.6F)) {
        // From the border inwards.
        const float at = lay.uniform(0, 2 * kPi);
        sx = 1.3F * std::cos(at);
        sy = 1.3F * std::sin(at);
        angle = at + kPi + 0.4F * lay.normal();
      }
      for (int kind = 0; kind < 2; ++kind) {
        grow(canvas, lay, sx, sy, angle + 0.35F * lay.normal(), width_ * lay.uniform(0.6F, 1.1F), kind, true,
             80);
      }
    }
  }

 private:
  // Bits of the labels: what a vessel crosses stays what it is.
  static constexpr int kVessels = 3, kDisc = 4, kCup = 8, kSpot = 16;

  void offer(std::string kind, int bits, float weight) {
    Target target{std::move(kind), {}, weight};
    for (size_t value = 0; value < 256; ++value) {
      target.labels[value] = (value & static_cast<size_t>(bits)) != 0;
    }
    targets.push_back(target);
  }

  // Trunks leave the disc upwards and downwards and bend round the fovea.
  void arcades(Canvas& canvas, Rng& rng, float x, float y, float side) const {
    for (int trunk = 0; trunk < 4 + trees_; ++trunk) {
      const float up = trunk % 2 == 0 ? -1.0F : 1.0F;
      const bool temporal = trunk < 2 || (trunk >= 4 && rng.chance(0.5F));
      // 0 points at the fovea, which lies at -side.
      const float lean = temporal ? rng.uniform(0.9F, 1.5F) : rng.uniform(1.7F, 2.7F);
      const float angle = side > 0 ? 3.14159265F - up * lean : up * lean;
      const float curl =
          (side > 0 ? up : -up) * (temporal ? rng.uniform(0.025F, 0.06F) : rng.uniform(-0.02F, 0.02F));
      for (int kind = 0; kind < 2; ++kind) {
        const float width = width_ * (trunk < 4 ? rng.uniform(0.7F, 1.1F) : rng.uniform(0.3F, 0.6F)) *
                            (kind == 0 ? 1.0F : 0.8F);
        grow(canvas, rng, x, y, angle + 0.12F * rng.normal(), width, kind, true, 70, curl);
      }
    }
  }

  void grow(Canvas& canvas, Rng& rng, float x, float y, float angle, float radius, int kind, bool branches,
            int steps, float curl = 0) const {
    struct Tip {
      float x, y, angle, radius;
      int left;
      float curl;
    };
    std::vector<Tip> tips{{x, y, angle, radius, steps, curl}};
    const int paint = kind == 0 ? first_paint_ : second_paint_;
    int drawn = 0;
    while (!tips.empty() && drawn < 260) {
      Tip tip = tips.back();
      tips.pop_back();
      float bend = 0;
      while (tip.left-- > 0 && tip.radius > 0.0022F && drawn < 260) {
        bend = 0.7F * bend + wander_ * rng.normal();
        tip.angle += 0.5F * bend + tip.curl;
        const float next = tip.radius * (branches ? 0.985F : 0.998F);
        Stroke stroke{tip.x,
                      tip.y,
                      tip.radius,
                      tip.x + step_ * std::cos(tip.angle),
                      tip.y + step_ * std::sin(tip.angle),
                      next};
        canvas.paint(stroke.box(), paint, 1 << kind, stroke);
        if (reflex_paint_ >= 0 && tip.radius > 0.01F) {
          Stroke shine = stroke;
          shine.r0 *= 0.3F;
          shine.r1 *= 0.3F;
          canvas.paint(shine.box(), reflex_paint_, Canvas::kKeep, shine);
        }
        ++drawn;
        tip.x = stroke.x1;
        tip.y = stroke.y1;
        tip.radius = next;
        if (std::fabs(tip.x) > 1.5F || std::fabs(tip.y) > 1.5F) break;
        if (branches && rng.chance(fork_)) {
          const float share = rng.uniform(0.45F, 0.85F), turn = rng.sign() * rng.uniform(0.4F, 1.1F);
          tips.push_back({tip.x, tip.y, tip.angle + turn, tip.radius * share, tip.left, 0.3F * tip.curl});
          tip.radius *= std::pow(1 - share * share * share, 1.0F / 3) * 0.3F + 0.68F;
          tip.angle -= 0.3F * turn;
        }
      }
    }
  }

  bool fundus_, fibres_, has_disc_;
  int first_paint_, second_paint_, reflex_paint_, disc_paint_, cup_paint_, fovea_paint_;
  std::array<int, 2> spot_paints_{};
  int spots_, trees_;
  float disc_size_, spot_size_, width_, wander_, fork_, step_;
};

}  // namespace

FamilyPtr make_vessels(Rng rng) { return std::make_unique<Vessels>(rng); }

}  // namespace gmiseg::synth
