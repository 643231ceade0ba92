// Irregular lesions at random places: in a brain, in an organ, in skin.
#include <algorithm>
#include <cmath>

#include "synth/families/brain.h"
#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

enum class Site { kBrain, kOrgan, kSkin };

class Lesions final : public Family {
 public:
  explicit Lesions(Rng rng) {
    Rng draw = rng.fork(1);
    name = "lesions";
    const float kind = draw.uniform();
    site_ = kind < 0.55F ? Site::kBrain : kind < 0.8F ? Site::kOrgan : Site::kSkin;
    aligned = site_ == Site::kBrain;
    view = aligned ? aligned_view(rng.fork(2)) : unaligned_view(rng.fork(2));
    if (site_ == Site::kOrgan) view.zoom = draw.uniform(0.8F, 1.3F);
    look.textures = tissue_textures(rng.fork(3));
    look.jitter = draw.log_uniform(0.008F, 0.035F);
    look.channels = site_ == Site::kSkin && draw.chance(0.85F) ? 3 : 1;
    modality = site_ == Site::kSkin    ? Modality::kPhotograph
               : site_ == Site::kOrgan ? (draw.chance(0.35F)  ? Modality::kUltrasound
                                          : draw.chance(0.5F) ? Modality::kTomography
                                                              : Modality::kMagnetic)
                                       : (draw.chance(0.8F) ? Modality::kMagnetic : Modality::kTomography);
    count_ = site_ == Site::kSkin ? 1 : draw.between(1, 5);
    few_ = draw.chance(0.4F) ? count_ : 1;
    size_ = site_ == Site::kSkin ? draw.uniform(0.25F, 0.6F) : draw.log_uniform(0.04F, 0.25F);
    ragged_ = draw.log_uniform(0.1F, 0.6F);
    paints(draw);
    has_rim_ = draw.chance(0.45F);
    has_core_ = has_rim_ ? draw.chance(0.8F) : draw.chance(0.5F);
    has_oedema_ = draw.chance(site_ == Site::kSkin ? 0.3F : 0.45F);
    decoys_ = draw.chance(0.6F) ? draw.between(1, 6) : 0;
    hairs_ = site_ == Site::kSkin && draw.chance(0.5F) ? draw.between(2, 14) : 0;
    brain_ = draw_brain(draw);
    add_target("lesion", {kBody, kCore, kRim}, 1.6F);
    if (has_oedema_) add_target("lesion and surroundings", {kBody, kCore, kRim, kOedema}, 1.2F);
    if (has_oedema_) add_target("surroundings", {kOedema}, 0.6F);
    if (has_core_) add_target("core", {kCore});
    if (has_rim_) add_target("rim", {kRim}, 0.8F);
    if (site_ == Site::kBrain) {
      add_target("ventricles", {kFluid});
      add_target("nuclei", {kNuclei});
      add_target("white matter", {kWhite, kNuclei}, 0.5F);
      add_target("cortex", {kGrey}, 0.5F);
      add_target("skull", {kSkull}, 0.4F);
    }
  }

  void draw(Canvas& canvas, Rng rng) const override {
    if (site_ == Site::kBrain) {
      paint_brain(canvas, brain_, rng.fork(1));
    } else if (site_ == Site::kOrgan) {
      organ(canvas, rng.fork(1));
    }
    const Plane rough = fractal(rng.fork(2), canvas.size(), 9, 3, 0.65F);
    Labels where{};
    where.fill(true);
    for (const int label : {kOutside, kSkull, kBrainFluid})
      where[static_cast<size_t>(label)] = site_ == Site::kSkin;
    Rng lay = rng.fork(3);
    // Smooth spots of a lesion's own grey are none.
    for (int k = 0; k < decoys_; ++k) {
      Blob blob = place(lay, size_ * lay.log_uniform(0.1F, 0.5F));
      paint_blob(canvas, blob, lay.chance(0.5F) ? kPaintBody : kPaintDecoy, Canvas::kKeep, &where);
    }
    for (int k = lay.between(few_, count_); k > 0; --k)
      lesion(canvas, rng.fork(50 + static_cast<uint64_t>(k)), rough, where, k == 1);
    for (int k = 0; k < hairs_; ++k) {
      float x = lay.uniform(-1.2F, 1.2F), y = lay.uniform(-1.2F, 1.2F), angle = lay.uniform(0, 6.28F);
      const float bend = 0.12F * lay.normal(), width = lay.uniform(0.004F, 0.01F);
      for (int step = 0; step < 10; ++step, angle += bend) {
        const Stroke hair{x, y, width, x + 0.12F * std::cos(angle), y + 0.12F * std::sin(angle), width};
        canvas.paint(hair.box(), kPaintHair, Canvas::kKeep, hair);
        x = hair.x1;
        y = hair.y1;
      }
    }
  }

 private:
  static constexpr int kBody = 10, kCore = 11, kRim = 12, kOedema = 13;
  // After those of the head.
  enum PaintIndex { kPaintBody = kHeadPaints, kPaintCore, kPaintRim, kPaintOedema, kPaintDecoy, kPaintHair };

  void paints(Rng& draw) {
    const float strength = draw.log_uniform(0.01F, 0.05F);
    float greys[7] = {0.03F, draw.uniform(0.4F, 0.9F), draw.uniform(0.05F, 0.2F), 0, 0, 0, 0};
    const bool bright_fluid = draw.chance(0.35F);
    greys[3] = bright_fluid ? draw.uniform(0.8F, 0.95F) : draw.uniform(0.08F, 0.25F);
    greys[4] = draw.uniform(0.4F, 0.65F);
    greys[5] = std::clamp(greys[4] + draw.sign() * draw.uniform(0.04F, 0.2F), 0.1F, 0.9F);
    greys[6] = greys[4] + draw.uniform(-0.05F, 0.05F);
    Colour skin{};
    if (site_ == Site::kSkin) {
      skin = look.channels == 3
                 ? Colour{draw.uniform(0.7F, 0.95F), draw.uniform(0.5F, 0.72F), draw.uniform(0.42F, 0.65F)}
                 : grey(draw.uniform(0.5F, 0.85F));
      add_paint(tissue(draw, skin, strength * 1.3F));
    } else {
      add_paint(tissue(draw, grey(site_ == Site::kOrgan ? draw.uniform(0.05F, 0.7F) : greys[0]), 0.02F));
    }
    for (int k = 1; k < 7; ++k) add_paint(tissue(draw, grey(greys[k]), strength));
    // The lesion stands out from what it lies in, by a little or a lot.
    const float ground = site_ == Site::kBrain ? greys[5] : greys[4];
    const bool bright = draw.chance(0.6F);
    const float contrast = draw.log_uniform(0.1F, 0.45F) * (bright ? 1.0F : -1.0F);
    const Colour base = site_ == Site::kSkin ? skin : grey(ground);
    const Colour brown{draw.uniform(0.2F, 0.5F), draw.uniform(0.1F, 0.32F), draw.uniform(0.08F, 0.3F)};
    const auto toned = [&](float by) {
      if (look.channels == 3) return blend(base, brown, std::clamp(by / 0.45F, -0.2F, 0.95F));
      return grey(std::clamp(base[0] + by * (bright ? 1.0F : -1.0F), 0.02F, 0.98F));
    };
    const float depth = std::fabs(contrast) * (look.channels == 3 ? 1.6F : 1.0F);
    for (const float by : {depth, depth * draw.uniform(-0.6F, 0.6F), depth * draw.uniform(1.2F, 1.7F),
                           depth * draw.uniform(0.3F, 0.7F), depth * draw.uniform(-1.0F, 1.0F)}) {
      Paint paint = tissue(draw, toned(by), strength * draw.uniform(1, 2.5F));
      paint.soft = draw.chance(0.6F) ? draw.log_uniform(0.008F, 0.06F) : 0;
      add_paint(paint);
    }
    Paint hair = tissue(draw, look.channels == 3 ? Colour{0.15F, 0.1F, 0.08F} : grey(0.1F), 0.01F);
    hair.opacity = 0.8F;
    add_paint(hair);
  }

  Blob place(Rng& rng, float size) const {
    Blob blob;
    const float angle = rng.uniform(0, 6.28F), out = std::sqrt(rng.uniform());
    const float reach = site_ == Site::kBrain ? 0.6F : site_ == Site::kOrgan ? 0.5F : 0.12F;
    blob.x = reach * out * std::cos(angle);
    blob.y = reach * (site_ == Site::kBrain ? 1.15F : 1) * out * std::sin(angle);
    blob.rx = size * rng.log_uniform(0.75F, 1.3F);
    blob.ry = size * rng.log_uniform(0.75F, 1.3F);
    blob.turn = rng.uniform(0, 3.14F);
    return blob;
  }

  void lesion(Canvas& canvas, Rng rng, const Plane& rough, const Labels& where, bool main) const {
    const float size = size_ * rng.log_uniform(0.55F, 1.6F) * (main ? 1.0F : 0.7F);
    Blob blob = place(rng, size);
    blob.roughen(rng, 0.25F * ragged_);
    const auto ragged = [&](float grown, float amount) {
      Blob at = blob;
      at.inset = -grown;
      return [field = at.field(), &rough, amount](float x, float y, size_t i) {
        return field(x, y) + amount * rough[i];
      };
    };
    Blob bounds = blob;
    bounds.inset = -size * 2;
    const float amount = ragged_ * size * (site_ == Site::kSkin ? 0.18F : 0.35F);
    if (has_oedema_)
      canvas.paint(bounds.box(), kPaintOedema, kOedema, ragged(size * 0.5F, amount * 2), &where);
    if (has_rim_) {
      canvas.paint(bounds.box(), kPaintRim, kRim, ragged(0, amount), &where);
      canvas.paint(bounds.box(), kPaintBody, kBody, ragged(-size * 0.22F, amount), &where);
    } else {
      canvas.paint(bounds.box(), kPaintBody, kBody, ragged(0, amount), &where);
    }
    if (has_core_) canvas.paint(bounds.box(), kPaintCore, kCore, ragged(-size * 0.5F, amount * 0.8F), &where);
  }

  void organ(Canvas& canvas, Rng rng) const {
    // Layers or lumps around, then the organ over most of the picture.
    for (int k = 0; k < 5; ++k) {
      Blob side;
      const float angle = rng.uniform(0, 6.28F);
      side.x = 1.1F * std::cos(angle);
      side.y = 1.1F * std::sin(angle);
      side.rx = rng.uniform(0.2F, 0.5F);
      side.ry = rng.uniform(0.2F, 0.5F);
      side.roughen(rng, 0.1F);
      paint_blob(canvas, side, k % 2 == 0 ? kPaintSkin : kPaintBone, Canvas::kKeep);
    }
    Blob organ;
    organ.rx = rng.uniform(0.65F, 0.95F);
    organ.ry = rng.uniform(0.55F, 0.9F);
    organ.turn = rng.uniform(0, 3.14F);
    organ.roughen(rng, 0.06F);
    paint_blob(canvas, organ, kPaintGrey, kGrey);
    const Labels within = labels_of({kGrey});
    for (int k = rng.between(0, 6); k > 0; --k) {
      // Vessels and ducts.
      float x = rng.uniform(-0.7F, 0.7F), y = rng.uniform(-0.7F, 0.7F), angle = rng.uniform(0, 6.28F),
            r = rng.log_uniform(0.006F, 0.025F);
      for (int part = 0; part < 6; ++part, angle += 0.4F * rng.normal()) {
        const Stroke duct{x, y, r, x + 0.1F * std::cos(angle), y + 0.1F * std::sin(angle), r * 0.85F};
        canvas.paint(duct.box(), k % 2 == 0 ? kPaintFluid : kPaintNuclei, Canvas::kKeep, duct, &within);
        x = duct.x1;
        y = duct.y1;
        r = duct.r1;
      }
    }
  }

  Site site_;
  Brain brain_{};
  int count_, few_, decoys_, hairs_;
  float size_, ragged_;
  bool has_rim_, has_core_, has_oedema_;
};

}  // namespace

FamilyPtr make_lesions(Rng rng) { return std::make_unique<Lesions>(rng); }

}  // namespace gmiseg::synth
