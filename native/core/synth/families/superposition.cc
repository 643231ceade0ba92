// Shadows that add up, as in X-ray pictures: chests, bones, shapes.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

// What a stroke of the plan is.
struct Shadow {
  Blob blob;
  int paint = 0, bit = 0;
  float ring = 0;           // only a band along the border, this wide
  float from = -9, to = 9;  // cut to these heights
  bool pair = false;
  float spread = 0.06F, shift = 0.02F;
};

class Superposition final : public Family {
 public:
  explicit Superposition(Rng rng) {
    Rng draw = rng.fork(1);
    name = "superposition";
    aligned = true;
    modality = Modality::kXray;
    view = aligned_view(rng.fork(2));
    look.textures = tissue_textures(rng.fork(3));
    look.jitter = draw.log_uniform(0.005F, 0.025F);
    look.resample = 0;
    Paint ground = tissue(draw, grey(draw.uniform(0.03F, 0.2F)), 0.008F);
    add_paint(ground);
    const float kind = draw.uniform();
    if (kind < 0.45F) {
      chest(draw);
    } else if (kind < 0.6F) {
      teeth(draw);
    } else if (kind < 0.8F) {
      bones(draw);
    } else {
      shapes(draw);
    }
    for (const int bit : bits_) offer(bit);
  }

  void draw(Canvas& canvas, Rng rng) const override {
    for (size_t k = 0; k < plan_.size(); ++k) {
      Rng own = rng.fork(k);
      const Shadow& shadow = plan_[k];
      Blob blob = shadow.blob;
      blob.rx *= std::exp(shadow.spread * own.normal());
      blob.ry *= std::exp(shadow.spread * own.normal());
      blob.x += shadow.shift * own.normal();
      blob.y += shadow.shift * own.normal();
      for (auto& term : blob.cosine) term += 0.015F * own.normal();
      put(canvas, shadow, blob);
      if (shadow.pair) put(canvas, shadow, blob.mirrored().moved(0, 0.3F * shadow.shift * own.normal()));
    }
  }

 private:
  static void put(Canvas& canvas, const Shadow& shadow, const Blob& blob) {
    const auto field = blob.field();
    const float half = shadow.ring / 2, from = shadow.from, to = shadow.to;
    Box box = blob.box();
    box.y0 = std::max(box.y0, from);
    box.y1 = std::min(box.y1, to);
    canvas.paint(box, shadow.paint, shadow.bit, [=](float x, float y) {
      float depth = field(x, y);
      const float band = half - (depth > half ? depth - half : half - depth);
      depth = half > 0 ? band : depth;
      const float above = y - from, below = to - y;
      depth = above < depth ? above : depth;
      return below < depth ? below : depth;
    });
  }

  // Every label with this bit.
  void offer(int bit) {
    Target target;
    target.kind = "shadow";
    for (size_t value = 0; value < 256; ++value)
      target.labels[value] = (value & static_cast<size_t>(bit)) != 0;
    targets.push_back(target);
  }

  int shade(Rng& draw, float depth, float soft) {
    Paint paint = tissue(draw, grey(depth), std::fabs(depth) * 0.06F);
    paint.add = true;
    paint.soft = soft;
    return add_paint(paint);
  }

  Shadow& add(Rng& draw, float x, float y, float rx, float ry, float turn, int paint, int bit, float rough) {
    Shadow shadow;
    shadow.blob.x = x + 0.02F * draw.normal();
    shadow.blob.y = y + 0.02F * draw.normal();
    shadow.blob.rx = rx * std::exp(0.1F * draw.normal());
    shadow.blob.ry = ry * std::exp(0.1F * draw.normal());
    shadow.blob.turn = turn;
    shadow.blob.roughen(draw, rough);
    shadow.paint = paint;
    shadow.bit = bit;
    shadow.spread = draw.log_uniform(0.03F, 0.15F);
    plan_.push_back(shadow);
    if (bit != 0 && std::find(bits_.begin(), bits_.end(), bit) == bits_.end()) bits_.push_back(bit);
    return plan_.back();
  }

  void chest(Rng& draw) {
    const int flesh = shade(draw, draw.uniform(0.35F, 0.5F), 0.08F),
              air = shade(draw, -draw.uniform(0.22F, 0.38F), draw.uniform(0.02F, 0.1F));
    const int bone = shade(draw, draw.uniform(0.08F, 0.2F), 0.01F),
              heart = shade(draw, draw.uniform(0.15F, 0.3F), draw.uniform(0.02F, 0.08F));
    add(draw, 0, 0.2F, 1.15F, 1.2F, 0, flesh, 0, 0.03F);
    Shadow& lungs = add(draw, -0.42F, 0.02F, 0.31F, 0.62F, 0.08F, air, 1, 0.06F);
    lungs.pair = true;
    lungs.spread = 0.1F;
    const float side = draw.sign();
    add(draw, side * 0.12F, 0.3F, 0.34F, 0.27F, side * 0.5F, heart, 2, 0.05F).spread = 0.15F;
    add(draw, 0, -0.2F, 0.13F, 0.6F, 0, heart, 0, 0.05F);
    const int count = draw.between(5, 9);
    for (int k = 0; k < count; ++k) {
      const float y = -0.62F + 1.25F * static_cast<float>(k) / static_cast<float>(count);
      Shadow& rib = add(draw, -0.38F, y, 0.48F, 0.3F, 0.25F, bone, 4, 0.01F);
      rib.ring = draw.uniform(0.05F, 0.08F);
      rib.to = y + 0.05F;
      rib.pair = true;
    }
    for (int k = 0; k < 7; ++k) {
      add(draw, 0, -0.8F + 0.27F * static_cast<float>(k), 0.085F, 0.1F, 0, bone, 8, 0.05F).blob.cosine[2] +=
          0.08F;
    }
    Shadow& collar = add(draw, -0.42F, -0.7F, 0.36F, 0.04F, 0.25F, bone, 16, 0.05F);
    collar.pair = true;
    if (draw.chance(0.6F)) {
      add(draw, side * -0.4F, 0.75F, 0.45F, 0.25F, 0, heart, 32, 0.08F);
    }
    if (draw.chance(0.5F)) {
      Shadow& nodule = add(draw, draw.sign() * 0.4F, draw.uniform(-0.4F, 0.3F), 0.08F, 0.08F, 0,
                           shade(draw, draw.uniform(0.06F, 0.2F), 0.04F), 64, 0.1F);
      nodule.shift = draw.uniform(0.03F, 0.2F);
      nodule.spread = 0.3F;
    }
  }

  void bones(Rng& draw) {
    const int flesh = shade(draw, draw.uniform(0.15F, 0.3F), 0.1F),
              core = shade(draw, draw.uniform(0.1F, 0.3F), 0.02F);
    const int shell = shade(draw, draw.uniform(0.1F, 0.3F), 0.01F);
    const int rays = draw.between(1, 5);
    for (int k = 0; k < rays; ++k) {
      const float x =
          rays == 1 ? 0 : -0.75F + 1.5F * (static_cast<float>(k) + 0.5F) / static_cast<float>(rays) * 1.0F;
      const float width = rays == 1 ? 0.3F : 0.45F / static_cast<float>(rays), lean = x * 0.2F;
      add(draw, x, 0.1F, width * 1.8F, 1.3F, lean, flesh, 0, 0.03F);
      const int joints = draw.between(2, 3);
      for (int j = 0; j < joints; ++j) {
        const float length = 0.9F / static_cast<float>(joints),
                    y = -0.9F + 2 * length * (static_cast<float>(j) + 0.5F);
        const int bit = rays == 1 ? 1 << j : 1 << std::min(k, 5);
        Shadow bone = add(draw, x + lean * y * -0.5F, y, width * draw.uniform(0.8F, 1.1F), length * 0.95F,
                          lean, core, bit, 0.02F);
        bone.blob.cosine[2] -= 0.12F;
        bone.blob.cosine[1] += 0.03F;
        plan_.back() = bone;
        bone.paint = shell;
        bone.ring = width * 0.3F;
        bone.bit = 0;
        bone.shift = bone.spread = 0;
        plan_.push_back(bone);
      }
    }
  }

  // A jaw laid flat: two rows of teeth along an arc.
  void teeth(Rng& draw) {
    const int flesh = shade(draw, draw.uniform(0.15F, 0.3F), 0.1F),
              bone = shade(draw, draw.uniform(0.08F, 0.2F), 0.04F);
    const int crown = shade(draw, draw.uniform(0.15F, 0.35F), 0.01F),
              pulp = shade(draw, -draw.uniform(0.03F, 0.1F), 0.02F);
    add(draw, 0, 0, 1.1F, 0.9F, 0, flesh, 0, 0.04F);
    Shadow& jaw = add(draw, 0, -0.1F, 0.95F, 0.75F, 0, bone, 8, 0.03F);
    jaw.from = 0.1F;
    add(draw, 0, -0.45F, 0.75F, 0.3F, 0, bone, 16, 0.05F);
    const int count = draw.between(6, 13), marked = draw.below(count);
    const float bow = draw.uniform(0.05F, 0.3F), width = 0.75F / static_cast<float>(count);
    for (int k = 0; k < count; ++k) {
      const float x = -0.75F + 1.5F * (static_cast<float>(k) + 0.5F) / static_cast<float>(count);
      const float middle = bow * (0.5F - x * x), lean = -0.5F * x;
      for (const float up : {-1.0F, 1.0F}) {
        if (draw.chance(0.06F)) continue;
        const int bit = up < 0 ? 1 : k == marked ? 4 | 2 : 2;
        const float length = draw.uniform(0.14F, 0.2F);
        Shadow& tooth = add(draw, x, middle + up * (length + 0.02F), width * 0.85F, length, up * lean * 0.6F,
                            crown, bit, 0.03F);
        tooth.blob.cosine[2] -= 0.1F;
        tooth.blob.sine[1] += up * 0.1F;
        tooth.spread = 0.06F;
        Shadow root = tooth;
        root.blob = root.blob.scaled(0.35F);
        root.blob.ry *= 1.8F;
        root.paint = pulp;
        root.bit = 0;
        plan_.push_back(root);
      }
    }
    bits_ = {1, 2, 4, 8};
    Target all;
    all.kind = "teeth";
    for (size_t value = 0; value < 256; ++value) all.labels[value] = (value & 3) != 0;
    targets.push_back(all);
  }

  void shapes(Rng& draw) {
    const int count = draw.between(5, 10);
    for (int k = 0; k < count; ++k) {
      const int paint = shade(draw, (draw.chance(0.75F) ? 1.0F : -1.0F) * draw.uniform(0.08F, 0.3F),
                              draw.chance(0.5F) ? draw.log_uniform(0.01F, 0.1F) : 0);
      const float size = draw.log_uniform(0.08F, 0.7F);
      Shadow& shadow =
          add(draw, draw.uniform(-0.7F, 0.7F), draw.uniform(-0.7F, 0.7F), size, size * draw.uniform(0.35F, 1),
              draw.uniform(0, 3), paint, 1 << std::min(k, 7), draw.uniform(0.02F, 0.2F));
      if (draw.chance(0.2F)) shadow.ring = size * 0.3F;
    }
  }

  std::vector<Shadow> plan_;
  std::vector<int> bits_;
};

}  // namespace

FamilyPtr make_superposition(Rng rng) { return std::make_unique<Superposition>(rng); }

}  // namespace gmiseg::synth
