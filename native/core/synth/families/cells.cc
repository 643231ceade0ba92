// Cells under the microscope: membrane, cytoplasm and nucleus, of several types.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

struct CellType {
  float radius = 0.1F, spread = 0.15F, rough = 0.04F, stretch = 1;
  float nucleus = 0.5F;  // of the radius; 0 = none
  float nucleus_rough = 0.06F;
  int lobes = 1;
  float share = 1;  // of the cells drawn
  int body_paint = 0, rim_paint = -1, nucleus_paint = 0, core_paint = -1;
  int body_label = 0, nucleus_label = 0;
};

// A stain: what the ground, the bodies and the nuclei take up.
struct Stain {
  Colour ground, body, nucleus, other_body, other_nucleus;
  int channels = 3;
};

Stain draw_stain(Rng& rng) {
  const float kind = rng.uniform();
  const auto near = [&](Colour colour) {
    for (auto& value : colour) value = std::clamp(value + 0.06F * rng.normal(), 0.02F, 0.99F);
    return colour;
  };
  if (kind < 0.25F) {  // blood smear
    return {near({0.93F, 0.88F, 0.86F}), near({0.72F, 0.68F, 0.85F}), near({0.38F, 0.2F, 0.55F}),
            near({0.88F, 0.66F, 0.64F}), near({0.5F, 0.3F, 0.6F}),    3};
  }
  if (kind < 0.42F) {  // tissue in pink and violet
    return {near({0.88F, 0.68F, 0.8F}), near({0.82F, 0.55F, 0.72F}), near({0.4F, 0.25F, 0.55F}),
            near({0.78F, 0.5F, 0.62F}), near({0.5F, 0.3F, 0.52F}),   3};
  }
  if (kind < 0.52F) {  // brown against blue
    return {near({0.9F, 0.88F, 0.88F}),  near({0.8F, 0.8F, 0.86F}),   near({0.45F, 0.27F, 0.15F}),
            near({0.78F, 0.76F, 0.84F}), near({0.38F, 0.42F, 0.65F}), 3};
  }
  if (kind < 0.62F) {  // fluorescence in colour
    const float hue = rng.uniform();
    return {near({0.03F, 0.03F, 0.04F}),          hue_colour(hue, 0.8F, 0.35F),
            hue_colour(hue + 0.35F, 0.7F, 0.85F), hue_colour(hue + 0.1F, 0.8F, 0.3F),
            hue_colour(hue + 0.3F, 0.7F, 0.6F),   3};
  }
  if (kind < 0.75F) {  // any colours
    const float hue = rng.uniform();
    const auto any = [&](float turn) {
      return hue_colour(hue + turn + rng.uniform(-0.1F, 0.1F), rng.uniform(0.1F, 0.7F),
                        rng.uniform(0.2F, 0.95F));
    };
    const Colour ground = any(0), body = any(0.1F), nucleus = any(0.4F), other = any(0.2F);
    return {ground, body, nucleus, other, any(0.5F), 3};
  }
  // Grey: fluorescence or phase contrast.
  const bool dark = rng.chance(0.6F);
  const float ground = dark ? rng.uniform(0.03F, 0.15F) : rng.uniform(0.45F, 0.8F);
  const float body =
      dark ? ground + rng.uniform(0.08F, 0.4F) : ground + rng.sign() * rng.uniform(0.05F, 0.2F);
  const float nucleus = dark ? body + rng.uniform(0.1F, 0.4F) : body - rng.uniform(0.1F, 0.35F);
  return {grey(ground),
          grey(body),
          grey(nucleus),
          grey(body + rng.uniform(-0.12F, 0.12F)),
          grey(nucleus + rng.uniform(-0.2F, 0.1F)),
          1};
}

class Cells final : public Family {
 public:
  explicit Cells(Rng rng) {
    Rng draw = rng.fork(1);
    name = "cells";
    modality = Modality::kMicroscopy;
    view = unaligned_view(rng.fork(2));
    view.zoom = 1;
    const Stain stain = draw_stain(draw);
    look.channels = stain.channels;
    look.jitter = draw.log_uniform(0.01F, 0.05F);
    look.textures = tissue_textures(rng.fork(3));
    add_paint(tissue(draw, stain.ground, draw.log_uniform(0.01F, 0.08F)));
    central_ = draw.chance(0.3F);
    const float radius = central_ ? draw.log_uniform(0.06F, 0.22F) : draw.log_uniform(0.045F, 0.3F);
    crowding_ = draw.uniform(0.35F, 1.1F);
    const int types = draw.between(2, 3);
    for (int k = 0; k < types; ++k) add_type(draw, stain, k, radius);
    if (central_) {
      // One large cell of a type of its own among the others.
      CellType big = types_[0];
      big.radius = draw.uniform(0.35F, 0.6F);
      big.lobes = draw.between(1, 4);
      big.nucleus = draw.uniform(0.4F, 0.75F);
      types_[0] = big;
      types_[0].share = 0;
    }
    fibres_ = draw.chance(0.35F) ? draw.between(3, 12) : 0;
    Paint fibre = tissue(draw, blend(stain.ground, stain.other_body, draw.uniform(0.4F, 1.2F)), 0.04F);
    fibre.soft = 0.03F;
    fibre_paint_ = add_paint(fibre);
    Paint dust = tissue(draw, blend(stain.nucleus, stain.ground, draw.uniform(0, 0.6F)), 0.03F);
    dust_paint_ = add_paint(dust);
    dust_ = draw.chance(0.4F) ? draw.between(3, 30) : 0;
    Labels nuclei{}, all{}, bodies{};
    for (const auto& type : types_) {
      all[static_cast<size_t>(type.body_label)] = true;
      bodies[static_cast<size_t>(type.body_label)] = true;
      if (type.nucleus_label == 0) continue;
      nuclei[static_cast<size_t>(type.nucleus_label)] = all[static_cast<size_t>(type.nucleus_label)] = true;
    }
    targets.push_back({"nuclei", nuclei, 1.5F});
    targets.push_back({"cells", all, 1});
    targets.push_back({"cytoplasm", bodies, 0.7F});
  }

  void draw(Canvas& canvas, Rng rng) const override {
    Rng lay = rng.fork(1);
    for (int k = 0; k < fibres_; ++k) {
      Stroke stroke{lay.uniform(-1.2F, 1.2F), lay.uniform(-1.2F, 1.2F), lay.uniform(0.01F, 0.08F), 0, 0, 0};
      const float angle = 0.5F * lay.normal() + view.turn, length = lay.uniform(0.5F, 2);
      stroke.x1 = stroke.x0 + length * std::cos(angle);
      stroke.y1 = stroke.y0 + length * std::sin(angle);
      stroke.r1 = stroke.r0 * lay.uniform(0.3F, 1);
      canvas.paint(stroke.box(), fibre_paint_, Canvas::kKeep, stroke);
    }
    struct Placed {
      float x, y, r;
    };
    std::vector<Placed> placed;
    if (central_) {
      const float x = 0.12F * lay.normal(), y = 0.12F * lay.normal(),
                  r = types_[0].radius * std::exp(types_[0].spread * lay.normal());
      placed.push_back({x, y, r});
    }
    const size_t first = placed.size();
    std::vector<int> kinds;
    for (int attempt = 0; attempt < 400 && placed.size() < 160; ++attempt) {
      const int kind = pick(lay);
      const CellType& type = types_[static_cast<size_t>(kind)];
      const Placed at{lay.uniform(-1.4F, 1.4F), lay.uniform(-1.4F, 1.4F),
                      type.radius * std::exp(type.spread * lay.normal())};
      bool free = true;
      for (const auto& other : placed) {
        const float gap = std::hypot(at.x - other.x, at.y - other.y);
        free = free && gap > crowd(at.r, other.r);
      }
      if (!free) continue;
      placed.push_back(at);
      kinds.push_back(kind);
    }
    for (size_t k = first; k < placed.size(); ++k) {
      paint_cell(canvas, types_[static_cast<size_t>(kinds[k - first])], placed[k].x, placed[k].y, placed[k].r,
                 rng.fork(100 + k));
    }
    if (central_) paint_cell(canvas, types_[0], placed[0].x, placed[0].y, placed[0].r, rng.fork(2));
    for (int k = 0; k < dust_; ++k) {
      Blob speck;
      speck.x = lay.uniform(-1.2F, 1.2F);
      speck.y = lay.uniform(-1.2F, 1.2F);
      speck.rx = lay.log_uniform(0.008F, 0.03F);
      speck.ry = speck.rx * lay.uniform(0.5F, 1);
      paint_blob(canvas, speck, dust_paint_, Canvas::kKeep);
    }
  }

 private:
  float crowd(float a, float b) const { return (a + b) * (1.25F - 0.42F * crowding_); }

  int pick(Rng& rng) const {
    float total = 0;
    for (const auto& type : types_) total += type.share;
    float at = rng.uniform() * total;
    for (size_t k = 0; k < types_.size(); ++k) {
      at -= types_[k].share;
      if (at < 0) return static_cast<int>(k);
    }
    return static_cast<int>(types_.size()) - 1;
  }

  void add_type(Rng& draw, const Stain& stain, int k, float radius) {
    CellType type;
    const bool first = k == 0;
    type.radius = radius * (first ? 1.0F : draw.log_uniform(0.5F, 1.5F));
    type.spread = draw.uniform(0.05F, 0.25F);
    type.rough = draw.log_uniform(0.01F, 0.1F);
    type.stretch = draw.chance(0.4F) ? draw.uniform(1, 2.2F) : 1;
    type.nucleus = first || draw.chance(central_ ? 0.25F : 0.65F) ? draw.uniform(0.35F, 0.8F) : 0;
    type.nucleus_rough = draw.log_uniform(0.02F, 0.12F);
    type.lobes = draw.chance(0.3F) ? draw.between(2, 4) : 1;
    type.share = draw.log_uniform(0.3F, 1);
    const Colour body = blend(stain.body, stain.other_body, first ? 0 : draw.uniform(0.3F, 1.2F));
    const Colour nucleus = blend(stain.nucleus, stain.other_nucleus, first ? 0 : draw.uniform(0, 1.2F));
    const float fuzz = draw.log_uniform(0.01F, 0.08F);
    Paint paint = tissue(draw, body, fuzz);
    paint.opacity = draw.uniform(0.6F, 1.0F);
    paint.soft = draw.chance(0.4F) ? draw.uniform(0, 0.03F) : 0;
    type.body_paint = add_paint(paint);
    if (draw.chance(0.5F))
      type.rim_paint = add_paint(tissue(draw, blend(body, nucleus, draw.uniform(-0.3F, 0.6F)), fuzz));
    paint = tissue(draw, nucleus, fuzz * 1.4F);
    paint.soft = draw.chance(0.4F) ? draw.uniform(0, 0.02F) : 0;
    type.nucleus_paint = add_paint(paint);
    if (draw.chance(0.4F))
      type.core_paint = add_paint(tissue(draw, blend(nucleus, body, draw.uniform(-0.6F, 0.5F)), fuzz));
    type.body_label = 2 * k + 1;
    type.nucleus_label = type.nucleus > 0 ? 2 * k + 2 : 0;
    add_target("cells of a type", {type.body_label, type.nucleus > 0 ? type.nucleus_label : type.body_label});
    if (type.nucleus > 0) {
      add_target("nuclei of a type", {type.nucleus_label}, 1.2F);
      add_target("cytoplasm of a type", {type.body_label}, 0.7F);
    }
    types_.push_back(type);
  }

  static void paint_cell(Canvas& canvas, const CellType& type, float x, float y, float r, Rng rng) {
    Blob body;
    body.x = x;
    body.y = y;
    const float stretch = std::exp(std::log(type.stretch) * rng.uniform(0.6F, 1.2F) * 0.5F);
    body.rx = r * stretch;
    body.ry = r / stretch;
    body.turn = rng.uniform(0, 3.14F);
    body.roughen(rng, type.rough);
    if (type.rim_paint >= 0) {
      paint_blob(canvas, body, type.rim_paint, type.body_label);
      paint_blob(canvas, body.shrunk(r * 0.1F), type.body_paint, type.body_label);
    } else {
      paint_blob(canvas, body, type.body_paint, type.body_label);
    }
    if (type.nucleus <= 0) {
      // A pale middle, as discs without a nucleus have.
      if (type.core_paint >= 0) paint_blob(canvas, body.scaled(0.4F), type.core_paint, type.body_label);
      return;
    }
    const Labels inside = labels_of({type.body_label, type.nucleus_label});
    const float size = type.nucleus * std::exp(0.1F * rng.normal());
    const float start = rng.uniform(0, 6.28F);
    for (int lobe = 0; lobe < type.lobes; ++lobe) {
      Blob nucleus = body.scaled(type.lobes == 1 ? size : size * 0.55F);
      nucleus.roughen(rng, type.nucleus_rough);
      const float angle = start + (static_cast<float>(lobe) + rng.uniform(-0.2F, 0.2F)) * 4.2F /
                                      static_cast<float>(type.lobes);
      const float out = type.lobes == 1 ? r * 0.5F * (1 - size) * rng.uniform() : r * size * 0.55F;
      nucleus.x += out * std::cos(angle);
      nucleus.y += out * std::sin(angle);
      paint_blob(canvas, nucleus, type.nucleus_paint, type.nucleus_label, &inside);
      if (type.core_paint >= 0 && type.lobes == 1) {
        paint_blob(canvas, nucleus.scaled(0.3F).moved(0.3F * nucleus.rx * rng.normal(), 0), type.core_paint,
                   type.nucleus_label, &inside);
      }
    }
  }

  std::vector<CellType> types_;
  bool central_ = false;
  float crowding_ = 0.7F;
  int fibres_ = 0, fibre_paint_ = 0, dust_ = 0, dust_paint_ = 0;
};

}  // namespace

FamilyPtr make_cells(Rng rng) { return std::make_unique<Cells>(rng); }

}  // namespace gmiseg::synth
