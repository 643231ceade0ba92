// Simple shapes of several kinds over one another. A kind differs from another
// in form, size or grey, often in one of them alone.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

enum class Form { kDisc, kEllipse, kSquare, kBar, kTriangle, kStar, kRing, kCross, kLumpy, kCount };

struct PartKind {
  Form form = Form::kDisc;
  float size = 0.15F;
  int paint = 1;
  float share = 1;
};

class Parts final : public Family {
 public:
  explicit Parts(Rng rng) {
    Rng draw = rng.fork(1);
    name = "parts";
    view = unaligned_view(rng.fork(2));
    view.zoom = 1;
    view.warp *= 0.5F;
    look.channels = draw.chance(0.3F) ? 3 : 1;
    modality = any_modality(draw, look.channels);
    look.jitter = draw.log_uniform(0.008F, 0.03F);
    look.textures = tissue_textures(rng.fork(3));
    const auto any = [&] {
      return look.channels == 3
                 ? hue_colour(draw.uniform(), draw.uniform(0.1F, 0.8F), draw.uniform(0.2F, 0.95F))
                 : grey(draw.uniform(0.05F, 0.95F));
    };
    add_paint(tissue(draw, any(), draw.log_uniform(0.02F, 0.15F)));
    const float texture = draw.log_uniform(0.01F, 0.08F);
    PartKind first{draw_form(draw), draw.log_uniform(0.07F, 0.3F), add_paint(tissue(draw, any(), texture)),
                   1};
    kinds_.push_back(first);
    const int count = draw.between(2, 5);
    for (int k = 1; k < count; ++k) {
      PartKind kind = first;
      const int change = draw.below(4);
      if (change == 0 || change == 3) kind.form = draw_form(draw);
      if (change == 1) kind.size *= draw.chance(0.5F) ? draw.uniform(1.8F, 2.4F) : draw.uniform(0.4F, 0.55F);
      if (change == 2 || change == 3) {
        kind.paint = add_paint(tissue(draw, any(), texture));
      }
      kind.share = draw.log_uniform(0.4F, 1.6F);
      kinds_.push_back(kind);
    }
    number_ = draw.between(6, 30);
    see_through_ = draw.chance(0.15F);
    for (auto& paint : look.paints) paint.opacity = see_through_ ? 0.6F : 1;
    add_target("kind", {1}, 2);
    for (int k = 1; k < count; ++k) add_target("kind", {k + 1});
    // All of one form or grey.
    for (int k = 1; k < count; ++k) {
      if (kinds_[static_cast<size_t>(k)].paint == first.paint) add_target("two kinds", {1, k + 1}, 0.6F);
    }
  }

  void draw(Canvas& canvas, Rng rng) const override {
    float total = 0;
    for (const auto& kind : kinds_) total += kind.share;
    for (int k = number_; k > 0; --k) {
      float at = rng.uniform() * total;
      size_t pick = 0;
      while (pick + 1 < kinds_.size() && at >= kinds_[pick].share) at -= kinds_[pick++].share;
      const PartKind& kind = kinds_[pick];
      const float x = rng.uniform(-1.2F, 1.2F), y = rng.uniform(-1.2F, 1.2F), turn = rng.uniform(0, 6.28F);
      put(canvas, kind, static_cast<int>(pick) + 1, x, y, kind.size * std::exp(0.1F * rng.normal()), turn,
          rng);
    }
  }

 private:
  static Form draw_form(Rng& rng) { return static_cast<Form>(rng.below(static_cast<int>(Form::kCount))); }

  static void put(Canvas& canvas, const PartKind& kind, int label, float x, float y, float size, float turn,
                  Rng& rng) {
    Blob blob;
    blob.x = x;
    blob.y = y;
    blob.rx = blob.ry = size;
    blob.turn = turn;
    const auto polygon = [&](const Polygon& shape) { canvas.paint(shape.box(), kind.paint, label, shape); };
    switch (kind.form) {
      case Form::kDisc:
        break;
      case Form::kEllipse:
        blob.ry *= 0.45F;
        break;
      case Form::kSquare:
        return polygon(rectangle(x, y, size * 0.85F, size * 0.85F, turn));
      case Form::kBar:
        return polygon(rectangle(x, y, size * 1.4F, size * 0.35F, turn));
      case Form::kTriangle:
        return polygon(regular_polygon(x, y, size * 1.2F, 3, turn));
      case Form::kStar:
        blob.cosine[3] = 0.3F;
        break;
      case Form::kLumpy:
        blob.roughen(rng, 0.2F);
        break;
      case Form::kRing: {
        const auto field = blob.field();
        canvas.paint(blob.box(), kind.paint, label, [&](float px, float py) {
          return size * 0.2F - std::fabs(field(px, py) - size * 0.2F);
        });
        return;
      }
      default: {
        const Polygon a = rectangle(x, y, size * 1.1F, size * 0.35F, turn),
                      b = rectangle(x, y, size * 0.35F, size * 1.1F, turn);
        canvas.paint(a.box(), kind.paint, label,
                     [&](float px, float py) { return std::max(a(px, py), b(px, py)); });
        return;
      }
    }
    paint_blob(canvas, blob, kind.paint, label);
  }

  std::vector<PartKind> kinds_;
  int number_;
  bool see_through_;
};

}  // namespace

FamilyPtr make_parts(Rng rng) { return std::make_unique<Parts>(rng); }

}  // namespace gmiseg::synth
