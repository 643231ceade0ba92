// Regions of one mean that differ in texture alone.
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

class TextureRegions final : public Family {
 public:
  explicit TextureRegions(Rng rng) {
    Rng draw = rng.fork(1);
    name = "texture";
    aligned = draw.chance(0.3F);
    view = aligned ? aligned_view(rng.fork(2)) : unaligned_view(rng.fork(2));
    // What tells textures apart must survive the pose.
    view.zoom = 1;
    view.subject_zoom = std::min(view.subject_zoom, 0.06F);
    view.any_turn = false;
    look.channels = draw.chance(0.25F) ? 3 : 1;
    modality = draw.chance(0.5F)   ? Modality::kMicroscopy
               : draw.chance(0.5F) ? Modality::kElectron
                                   : Modality::kMagnetic;
    look.jitter = draw.log_uniform(0.005F, 0.02F);
    count_ = draw.between(2, 4);
    cells_ = draw.log_uniform(1.2F, 4);
    const Colour mean = look.channels == 3
                            ? hue_colour(draw.uniform(), draw.uniform(0.1F, 0.5F), draw.uniform(0.4F, 0.8F))
                            : grey(draw.uniform(0.35F, 0.65F));
    const float strength = draw.uniform(0.08F, 0.2F);
    // Each region's texture differs from the first one's in one respect.
    const Texture first = draw_texture(draw);
    for (int k = 0; k <= count_; ++k) {
      Texture texture = first;
      float factor = 1;
      if (k > 0) {
        switch (draw.below(4)) {
          case 0:
            texture.cells *= draw.chance(0.5F) ? draw.uniform(1.7F, 2.5F) : draw.uniform(0.35F, 0.6F);
            break;
          case 1:
            texture.angle += draw.uniform(0.7F, 2.4F);
            texture.stretch = texture.stretch == 1 ? 2.5F : 1 / texture.stretch;
            break;
          case 2:
            factor = draw.chance(0.5F) ? draw.uniform(0.15F, 0.5F) : draw.uniform(1.7F, 2.5F);
            break;
          default:
            texture = draw_texture(draw);
            break;
        }
      }
      look.textures.push_back(texture);
      Paint paint;
      paint.mean = mean;
      paint.texture = {k, k};
      paint.amplitude = {strength * factor, 0};
      add_paint(paint);
    }
    const Rng place = rng.fork(3);
    for (int k = 0; k < 3; ++k) fields_.push_back(place.fork(static_cast<uint64_t>(k)));
    lumps_ = draw.chance(0.6F) ? draw.between(1, 3) : 0;
    lump_size_ = draw.log_uniform(0.12F, 0.5F);
    for (int k = 0; k < count_; ++k) add_target("texture", {k});
    if (lumps_ > 0) add_target("lump", {count_}, 1.5F);
  }

  void draw(Canvas& canvas, Rng rng) const override {
    const auto size = canvas.size();
    const int cells = std::max(1, static_cast<int>(std::lround(cells_)));
    std::vector<Plane> planes;
    for (int k = 0; k < count_; ++k) {
      Plane plane(static_cast<size_t>(size * size));
      if (aligned && k < 3) Lattice(fields_[static_cast<size_t>(k)], cells, cells).add_to(plane, size, 0.9F);
      Lattice(rng.fork(static_cast<uint64_t>(k)), cells, cells).add_to(plane, size, aligned ? 0.35F : 1);
      planes.push_back(std::move(plane));
    }
    for (size_t i = 0; i < planes[0].size(); ++i) {
      int best = 0;
      for (int k = 1; k < count_; ++k) {
        if (planes[static_cast<size_t>(k)][i] > planes[static_cast<size_t>(best)][i]) best = k;
      }
      canvas.fill(i, best, best);
    }
    Rng lay = rng.fork(9);
    Rng home = fields_[0].fork(7);
    for (int k = 0; k < lumps_; ++k) {
      Blob lump;
      lump.x = aligned ? home.uniform(-0.5F, 0.5F) + 0.05F * lay.normal() : lay.uniform(-0.7F, 0.7F);
      lump.y = aligned ? home.uniform(-0.5F, 0.5F) + 0.05F * lay.normal() : lay.uniform(-0.7F, 0.7F);
      lump.rx = lump_size_ * lay.log_uniform(0.7F, 1.3F);
      lump.ry = lump_size_ * lay.log_uniform(0.7F, 1.3F);
      lump.turn = lay.uniform(0, 3.14F);
      lump.roughen(lay, 0.12F);
      paint_blob(canvas, lump, count_, count_);
    }
  }

 private:
  static Texture draw_texture(Rng& rng) {
    Texture texture;
    const float kind = rng.uniform();
    texture.kind = kind < 0.4F    ? Texture::Kind::kSmooth
                   : kind < 0.65F ? Texture::Kind::kStripes
                   : kind < 0.85F ? Texture::Kind::kSpots
                                  : Texture::Kind::kRidges;
    texture.cells =
        texture.kind == Texture::Kind::kRidges ? rng.log_uniform(10, 24) : rng.log_uniform(12, 44);
    texture.octaves = 1;
    texture.stretch = rng.chance(0.3F) ? rng.log_uniform(0.4F, 2.5F) : 1;
    texture.angle = rng.uniform(0, 3.14F);
    return texture;
  }

  int count_, lumps_;
  float cells_, lump_size_;
  std::vector<Rng> fields_;
};

}  // namespace

FamilyPtr make_texture_regions(Rng rng) { return std::make_unique<TextureRegions>(rng); }

}  // namespace gmiseg::synth
