// Glands in tissue: a lumen, cells round it with their nuclei in a row, stroma with
// nuclei of its own between them. Also ducts, follicles and crypts.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

struct GlandType {
  float radius, ring, rough, stretch, share;
  bool open;  // has a lumen
  int body_paint, nucleus_paint;
  int body_label, nucleus_label;
};

class Glands final : public Family {
 public:
  explicit Glands(Rng rng) {
    Rng draw = rng.fork(1);
    name = "glands";
    modality = Modality::kMicroscopy;
    view = unaligned_view(rng.fork(2));
    view.zoom = 1;
    look.channels = draw.chance(0.85F) ? 3 : 1;
    look.jitter = draw.log_uniform(0.01F, 0.04F);
    look.textures = tissue_textures(rng.fork(3));
    const bool colour = look.channels == 3;
    const auto near = [&](Colour value, float level) {
      if (!colour) return grey(level + 0.05F * draw.normal());
      for (auto& part : value) part = std::clamp(part + 0.06F * draw.normal(), 0.02F, 0.98F);
      return value;
    };
    const Colour stroma = near({0.86F, 0.6F, 0.76F}, 0.6F), pale = near({0.94F, 0.9F, 0.93F}, 0.9F);
    const Colour body = near({0.75F, 0.5F, 0.72F}, 0.5F), dark = near({0.4F, 0.24F, 0.52F}, 0.25F);
    add_paint(tissue(draw, stroma, draw.log_uniform(0.02F, 0.08F)));
    lumen_paint_ = add_paint(tissue(draw, pale, 0.02F));
    stroma_paint_ = add_paint(tissue(draw, blend(dark, stroma, draw.uniform(0, 0.5F)), 0.03F));
    const int types = draw.between(1, 2);
    const float radius = draw.log_uniform(0.12F, 0.42F);
    for (int k = 0; k < types; ++k) {
      GlandType type{};
      type.radius = radius * (k == 0 ? 1.0F : draw.uniform(0.6F, 1.3F));
      type.ring = draw.uniform(0.25F, 0.5F);
      type.rough = draw.log_uniform(0.03F, 0.2F);
      type.stretch = draw.uniform(1, 2);
      type.share = draw.uniform(0.3F, 1);
      type.open = k == 0 || draw.chance(0.6F);
      type.body_paint = add_paint(tissue(draw, blend(body, k == 0 ? stroma : dark, draw.uniform(0, 0.4F)),
                                         draw.log_uniform(0.02F, 0.06F)));
      type.nucleus_paint = add_paint(tissue(draw, blend(dark, body, draw.uniform(0, 0.3F)), 0.04F));
      type.body_label = 2 * k + 1;
      type.nucleus_label = 2 * k + 2;
      types_.push_back(type);
    }
    nucleus_ = radius * draw.uniform(0.08F, 0.17F);
    loose_ = draw.chance(0.8F) ? draw.between(10, 90) : 0;
    number_ = draw.between(2, 24);
    fat_ = draw.chance(0.3F) ? draw.between(2, 10) : 0;
    Labels all = labels_of({kLumen}), nuclei{};
    for (const auto& type : types_) {
      all[static_cast<size_t>(type.body_label)] = all[static_cast<size_t>(type.nucleus_label)] = true;
      nuclei[static_cast<size_t>(type.nucleus_label)] = true;
    }
    targets.push_back({"glands", all, 2});
    targets.push_back({"nuclei", nuclei, 0.7F});
    add_target("lumen", {kLumen});
    if (loose_ > 0) add_target("loose nuclei", {kLoose}, 0.2F);
    if (types > 1) add_target("glands of a type", {3, 4}, 1);
  }

  void draw(Canvas& canvas, Rng rng) const override {
    Rng lay = rng.fork(1);
    for (int k = 0; k < loose_; ++k) {
      Blob nucleus =
          spindle(lay, lay.uniform(-1.2F, 1.2F), lay.uniform(-1.2F, 1.2F), lay.uniform(0, 3.14F), 1.8F);
      paint_blob(canvas, nucleus, stroma_paint_, kLoose);
    }
    // Holes that fat leaves look like lumens without a gland.
    for (int k = 0; k < fat_; ++k) {
      Blob hole;
      hole.x = lay.uniform(-1.2F, 1.2F);
      hole.y = lay.uniform(-1.2F, 1.2F);
      hole.rx = types_[0].radius * lay.uniform(0.3F, 0.6F);
      hole.ry = hole.rx * lay.uniform(0.7F, 1);
      hole.roughen(lay, 0.05F);
      paint_blob(canvas, hole, lumen_paint_, 0);
    }
    std::vector<Blob> placed;
    for (int attempt = 0; attempt < 8 * number_ && static_cast<int>(placed.size()) < number_; ++attempt) {
      const GlandType& type =
          types_[types_.size() > 1 && lay.chance(types_[1].share / (types_[0].share + types_[1].share)) ? 1
                                                                                                        : 0];
      Blob gland;
      gland.x = lay.uniform(-1.2F, 1.2F);
      gland.y = lay.uniform(-1.2F, 1.2F);
      const float size = type.radius * std::exp(0.2F * lay.normal()),
                  stretch = std::sqrt(1 + (type.stretch - 1) * lay.uniform());
      gland.rx = size * stretch;
      gland.ry = size / stretch;
      gland.turn = lay.uniform(0, 3.14F);
      gland.roughen(lay, type.rough);
      bool free = true;
      for (const auto& other : placed) {
        free = free && std::hypot(gland.x - other.x, gland.y - other.y) > 0.95F * (gland.rx + other.rx);
      }
      if (!free) continue;
      placed.push_back(gland);
      paint_gland(canvas, gland, type, rng.fork(100 + placed.size()));
    }
  }

 private:
  static constexpr int kLumen = 10, kLoose = 11;

  Blob spindle(Rng& rng, float x, float y, float turn, float stretch) const {
    Blob nucleus;
    nucleus.x = x;
    nucleus.y = y;
    nucleus.rx = nucleus_ * stretch * rng.uniform(0.8F, 1.2F);
    nucleus.ry = nucleus_ * rng.uniform(0.6F, 1);
    nucleus.turn = turn;
    return nucleus;
  }

  void paint_gland(Canvas& canvas, const Blob& gland, const GlandType& type, Rng rng) const {
    paint_blob(canvas, gland, type.body_paint, type.body_label);
    const float ring = type.ring * std::min(gland.rx, gland.ry);
    if (type.open) paint_blob(canvas, gland.shrunk(ring), lumen_paint_, kLumen);
    const Labels within = labels_of({type.body_label, type.nucleus_label});
    // A row of nuclei near the outer border, across it.
    const int count = std::clamp(static_cast<int>(4.2F * (gland.rx + gland.ry) / (2.6F * nucleus_)), 5, 60);
    const float c = std::cos(gland.turn), s = std::sin(gland.turn);
    for (int k = 0; k < count; ++k) {
      const float angle =
          6.2832F * (static_cast<float>(k) + rng.uniform(-0.3F, 0.3F)) / static_cast<float>(count);
      float radius = 1;
      for (size_t term = 0; term < Blob::kTerms; ++term) {
        const float order = static_cast<float>(term + 2);
        radius += gland.cosine[term] * std::cos(order * angle) + gland.sine[term] * std::sin(order * angle);
      }
      const float inwards = 0.4F * ring * rng.uniform(0.6F, 1.3F);
      const float px = (gland.rx * radius - inwards) * std::cos(angle),
                  py = (gland.ry * radius - inwards) * std::sin(angle);
      const Blob nucleus =
          spindle(rng, gland.x + c * px - s * py, gland.y + s * px + c * py, gland.turn + angle, 1.4F);
      paint_blob(canvas, nucleus, type.nucleus_paint, type.nucleus_label, &within);
    }
  }

  std::vector<GlandType> types_;
  int lumen_paint_ = 0, stroma_paint_ = 0, loose_, number_, fat_;
  float nucleus_;
};

}  // namespace

FamilyPtr make_glands(Rng rng) { return std::make_unique<Glands>(rng); }

}  // namespace gmiseg::synth
