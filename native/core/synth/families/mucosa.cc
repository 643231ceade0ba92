// What an endoscope sees: folds, a dark lumen, glare, growths little different
// from the wall that they grow on, instruments.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

class Mucosa final : public Family {
 public:
  explicit Mucosa(Rng rng) {
    Rng draw = rng.fork(1);
    name = "mucosa";
    modality = Modality::kPhotograph;
    view = unaligned_view(rng.fork(2));
    view.zoom = 1;
    look.channels = draw.chance(0.85F) ? 3 : 1;
    look.jitter = draw.log_uniform(0.01F, 0.05F);
    look.textures = {{Texture::Kind::kSmooth, draw.uniform(2, 5), 2, 1, 0},
                     {draw.chance(0.5F) ? Texture::Kind::kSmooth : Texture::Kind::kRidges,
                      draw.log_uniform(15, 50), 1, 1, 0}};
    const Colour wall = look.channels == 3 ? Colour{draw.uniform(0.6F, 0.85F), draw.uniform(0.28F, 0.5F),
                                                    draw.uniform(0.2F, 0.42F)}
                                           : grey(draw.uniform(0.4F, 0.7F));
    const auto toned = [&](float by) { return Colour{wall[0] + by, wall[1] + by, wall[2] + by}; };
    Paint ground = tissue(draw, wall, 0);
    ground.amplitude = {draw.uniform(0.03F, 0.12F), draw.uniform(0.005F, 0.04F)};
    add_paint(ground);
    // Colour, brightness or both set the growth apart, by a little.
    Paint growth = ground;
    growth.mean = toned(draw.uniform(-0.12F, 0.12F));
    for (auto& part : growth.mean) part += look.channels == 3 ? 0.07F * draw.normal() : 0;
    growth.amplitude[1] *= draw.uniform(0.5F, 3);
    growth.soft = draw.uniform(0, 0.03F);
    growth_paint_ = add_paint(growth);
    const auto shading = [&](Colour colour, float opacity, float soft) {
      Paint paint;
      paint.mean = colour;
      paint.opacity = opacity;
      paint.soft = soft;
      return add_paint(paint);
    };
    shadow_paint_ = shading(blend(wall, Colour{0.1F, 0.02F, 0.02F}, 0.8F), draw.uniform(0.2F, 0.6F), 0.15F);
    light_paint_ = shading(toned(0.25F), draw.uniform(0.2F, 0.6F), 0.2F);
    lumen_paint_ = shading(blend(wall, Colour{0.05F, 0.01F, 0.01F}, 0.9F), 0.9F, 0.4F);
    glare_paint_ = shading({1, 1, 1}, 0.9F, 0.01F);
    vessel_paint_ = shading(blend(wall, Colour{0.4F, 0.05F, 0.08F}, 0.6F), draw.uniform(0.3F, 0.7F), 0.006F);
    Paint steel = tissue(draw, grey(draw.uniform(0.3F, 0.8F)), 0.05F);
    steel_paint_ = add_paint(steel);
    size_ = draw.log_uniform(0.12F, 0.5F);
    growths_ = draw.between(1, 3);
    folds_ = draw.between(0, 5);
    glare_ = draw.between(0, 16);
    vessels_ = draw.chance(0.5F) ? draw.between(2, 8) : 0;
    lumen_ = draw.chance(0.6F);
    tool_ = draw.chance(0.3F);
    light_ = draw.uniform(0, 6.28F);
    frame = draw.chance(0.4F) ? 1 : 0;
    add_target("growth", {1}, 3);
    if (tool_) add_target("instrument", {2});
    if (lumen_) add_target("lumen", {3}, 0.4F);
  }

  void draw(Canvas& canvas, Rng rng) const override {
    if (lumen_) {
      Blob hole;
      hole.x = 0.6F * rng.normal();
      hole.y = 0.6F * rng.normal();
      hole.rx = rng.uniform(0.2F, 0.45F);
      hole.ry = hole.rx * rng.uniform(0.6F, 1);
      hole.roughen(rng, 0.08F);
      paint_blob(canvas, hole, lumen_paint_, 3);
    }
    for (int k = 0; k < folds_; ++k) {
      // A bright crest with a shadow behind it.
      Blob arc;
      arc.x = rng.uniform(-1.2F, 1.2F);
      arc.y = rng.uniform(-1.2F, 1.2F);
      arc.rx = arc.ry = rng.uniform(0.4F, 1.1F);
      arc.roughen(rng, 0.08F);
      const float width = rng.uniform(0.02F, 0.08F);
      for (const bool dark : {true, false}) {
        const auto field = arc.scaled(dark ? 1.06F : 1).field();
        canvas.paint(arc.scaled(1.1F).box(), dark ? shadow_paint_ : light_paint_, Canvas::kKeep,
                     [=](float x, float y) { return width - std::fabs(field(x, y)); });
      }
    }
    for (int k = 0; k < vessels_; ++k) line(canvas, rng, rng.uniform(0.003F, 0.008F));
    for (int k = rng.between(1, growths_); k > 0; --k) growth(canvas, rng);
    if (tool_ && rng.chance(0.85F)) {
      const float angle = rng.uniform(0, 6.28F), width = rng.uniform(0.05F, 0.12F);
      const Stroke tool{1.6F * std::cos(angle), 1.6F * std::sin(angle), width,
                        0.4F * rng.normal(),    0.4F * rng.normal(),    width * 0.8F};
      canvas.paint(tool.box(), steel_paint_, 2, tool);
    }
    for (int k = 0; k < glare_; ++k) {
      Blob spot;
      spot.x = 0.6F * rng.normal();
      spot.y = 0.6F * rng.normal();
      spot.rx = rng.log_uniform(0.008F, 0.05F);
      spot.ry = spot.rx * rng.uniform(0.3F, 1);
      spot.turn = rng.uniform(0, 3.14F);
      spot.roughen(rng, 0.15F);
      paint_blob(canvas, spot, glare_paint_, Canvas::kKeep);
    }
  }

 private:
  void growth(Canvas& canvas, Rng& rng) const {
    Blob blob;
    blob.x = 0.4F * rng.normal();
    blob.y = 0.4F * rng.normal();
    blob.rx = size_ * rng.log_uniform(0.65F, 1.5F);
    blob.ry = blob.rx * rng.uniform(0.6F, 1);
    blob.turn = rng.uniform(0, 3.14F);
    blob.roughen(rng, 0.08F);
    // Light falls from one side: shadow on the other.
    const float reach = 0.18F * blob.rx, dx = reach * std::cos(light_), dy = reach * std::sin(light_);
    paint_blob(canvas, blob.scaled(1.1F).moved(-dx, -dy), shadow_paint_, Canvas::kKeep);
    paint_blob(canvas, blob, growth_paint_, 1);
    const Labels self = labels_of({1});
    paint_blob(canvas, blob.scaled(0.55F).moved(1.6F * dx, 1.6F * dy), light_paint_, Canvas::kKeep, &self);
  }

  void line(Canvas& canvas, Rng& rng, float width) const {
    float x = rng.uniform(-1, 1), y = rng.uniform(-1, 1), angle = rng.uniform(0, 6.28F);
    for (int step = 0; step < 12; ++step, angle += 0.4F * rng.normal()) {
      const Stroke stroke{x, y, width, x + 0.08F * std::cos(angle), y + 0.08F * std::sin(angle), width};
      canvas.paint(stroke.box(), vessel_paint_, Canvas::kKeep, stroke);
      x = stroke.x1;
      y = stroke.y1;
    }
  }

  int growth_paint_, shadow_paint_, light_paint_, lumen_paint_, glare_paint_, vessel_paint_, steel_paint_;
  float size_, light_;
  int growths_, folds_, glare_, vessels_;
  bool lumen_, tool_;
};

}  // namespace

FamilyPtr make_mucosa(Rng rng) { return std::make_unique<Mucosa>(rng); }

}  // namespace gmiseg::synth
