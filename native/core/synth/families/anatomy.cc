#include "synth/families/anatomy.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::synth {

Tissues draw_tissues(Rng rng) {
  const float kind = rng.uniform();
  Tissues t{};
  const auto around = [&](float value) { return std::clamp(value + 0.05F * rng.normal(), 0.02F, 0.98F); };
  if (kind < 0.3F) {
    // CT; blood with or without contrast agent.
    const bool agent = rng.chance(0.6F);
    t = {0.03F,
         around(0.32F),
         around(0.5F),
         around(0.56F),
         around(0.54F),
         around(0.45F),
         agent ? around(0.72F) : around(0.51F),
         around(0.93F),
         around(0.62F),
         Modality::kTomography};
  } else if (kind < 0.5F) {
    // Balanced gradient echo: blood and fluid bright.
    t = {0.04F,         around(0.75F), around(0.3F), around(0.42F), around(0.38F),
         around(0.85F), around(0.8F),  around(0.1F), around(0.55F), Modality::kMagnetic};
  } else if (kind < 0.65F) {
    // T1
    t = {0.03F,
         around(0.88F),
         around(0.42F),
         around(0.5F),
         around(0.45F),
         around(0.18F),
         rng.chance(0.5F) ? around(0.15F) : around(0.75F),
         around(0.08F),
         around(0.75F),
         Modality::kMagnetic};
  } else if (kind < 0.8F) {
    // T2
    t = {0.03F,         around(0.7F),  around(0.25F), around(0.4F), around(0.5F),
         around(0.92F), around(0.12F), around(0.06F), around(0.5F), Modality::kMagnetic};
  } else if (kind < 0.88F) {
    t = {0.05F,         around(0.6F),  around(0.45F), around(0.5F), around(0.4F),
         around(0.08F), around(0.06F), around(0.85F), around(0.4F), Modality::kUltrasound};
  } else {
    const auto any = [&] { return rng.uniform(0.05F, 0.95F); };
    t = {rng.chance(0.8F) ? 0.03F : any(),
         any(),
         any(),
         any(),
         any(),
         any(),
         any(),
         any(),
         any(),
         rng.chance(0.7F) ? Modality::kMagnetic : Modality::kTomography};
  }
  return t;
}

int Anatomy::paint_of(Rng& rng, float value, float spread) {
  Paint paint = tissue(rng, grey(std::clamp(value + spread * rng.normal(), 0.01F, 0.99F)),
                       rng.log_uniform(0.008F, 0.06F));
  // Structures that run obliquely through the slice have soft borders.
  if (rng.chance(0.35F)) paint.soft = rng.log_uniform(0.01F, 0.06F);
  return add_paint(paint);
}

int Anatomy::add(Organ organ, float weight) {
  if (organ.label == 0) organ.label = new_label();
  const bool small = organ.blob.rx * organ.blob.ry < 0.006F;
  if (organ.wall > 0) {
    if (organ.cavity_label == 0) organ.cavity_label = new_label();
    add_target("wall", {organ.label}, weight);
    add_target("cavity", {organ.cavity_label}, weight);
    add_target("organ", {organ.label, organ.cavity_label}, weight);
  } else {
    add_target(small ? "small organ" : "organ", {organ.label}, weight);
  }
  if (organ.pair) {
    if (organ.pair_label == 0) organ.pair_label = organ.label;
    if (organ.pair_label != organ.label) {
      add_target("one of a pair", {organ.pair_label}, weight);
      add_target("pair", {organ.label, organ.pair_label}, weight);
    }
  }
  organs.push_back(organ);
  return static_cast<int>(organs.size()) - 1;
}

Anatomy::Anatomy(Rng rng) {
  name = "anatomy";
  tissues = draw_tissues(rng.fork(1));
  modality = tissues.modality;
  // Some bodies lie as they please, a few anyhow: then shapes and neighbours must tell.
  const float lies = rng.fork(7).uniform();
  const bool anyhow = lies >= 0.92F;
  aligned = lies < 0.7F;
  view = aligned ? aligned_view(rng.fork(2)) : anyhow ? unaligned_view(rng.fork(2)) : loose_view(rng.fork(2));
  look.textures = tissue_textures(rng.fork(3));
  look.channels = 1;
  Rng draw = rng.fork(4);
  look.jitter = draw.log_uniform(0.008F, 0.04F);
  level_spread_ = draw.chance(0.7F) ? draw.uniform(0.5F, 1.0F) : draw.uniform(0, 0.4F);
  // Paint 0 is outside, 1 fat, 2 the body.
  Paint outside = tissue(draw, grey(tissues.air), draw.chance(0.7F) ? 0.003F : 0.02F);
  add_paint(outside);
  paint_of(draw, tissues.fat);
  paint_of(draw, tissues.muscle);
  body.rx = draw.uniform(0.72F, 0.92F);
  body.ry = body.rx * draw.uniform(0.62F, 1.0F);
  body.roughen(draw, draw.uniform(0.03F, 0.1F));
  arms = draw.chance(0.15F);
  fat = draw.log_uniform(0.015F, 0.12F);

  using Layout = void (*)(Anatomy&, Rng);
  static constexpr Layout kLayouts[] = {layout_thorax,   layout_abdomen,  layout_abdomen, layout_heart,
                                        layout_heart,    layout_chambers, layout_pelvis,  layout_limb,
                                        layout_random,   layout_random,   layout_random,  layout_close_up,
                                        layout_close_up, layout_spine,    layout_joint};
  kLayouts[draw.below(static_cast<int>(std::size(kLayouts)))](*this, rng.fork(5));

  aim(rng.fork(6));
  // Mirrored at will, left and right are one.
  if (anyhow) std::erase_if(targets, [](const Target& target) { return target.kind == "one of a pair"; });
  // Fat is thicker here than there.
  flesh = body.shrunk(fat);
  for (size_t k = 0; k < Blob::kTerms; ++k) {
    flesh.cosine[k] += std::min(0.4F * fat, 0.03F) * draw.normal();
    flesh.sine[k] += std::min(0.4F * fat, 0.03F) * draw.normal();
  }
  streaks = draw.chance(0.6F) ? draw.between(2, 14) : 0;
  Paint streak = look.paints[1];
  streak.opacity = draw.uniform(0.4F, 0.9F);
  streak.soft = draw.uniform(0, 0.01F);
  streak_paint_ = add_paint(streak);
  // Two organs together, now and then.
  for (int k = 0; k < 3; ++k) {
    const auto& a = organs[static_cast<size_t>(draw.below(static_cast<int>(organs.size())))];
    const auto& b = organs[static_cast<size_t>(draw.below(static_cast<int>(organs.size())))];
    if (a.label != b.label) add_target("union", {a.label, b.label}, 0.5F);
  }
  if (!outside_filled) {
    add_target("fat", {kFat}, 0.4F);
    add_target("body", {kBody}, 0.3F);
  }
  // A quarter of the tasks: contrast that differs between subjects in some of it.
  if (draw.chance(0.25F)) {
    look.resample = draw.uniform(0.08F, 0.3F);
    for (int p = 1; p < static_cast<int>(look.paints.size()); ++p) {
      if (draw.chance(0.4F)) look.shifty.push_back(p);
    }
  }
}

void Anatomy::draw_organ(Canvas& canvas, const Organ& organ, const Rng& streams, float level,
                         std::vector<Blob>& placed) const {
  Rng rng = streams;
  Blob blob = organ.blob;
  const float away = level - organ.level;
  float factor = std::exp(organ.size_spread * rng.normal()) * std::max(0.15F, 1 - organ.steep * away * away);
  blob.rx *= factor * std::exp(0.3F * organ.size_spread * rng.normal());
  blob.ry *= factor * std::exp(0.3F * organ.size_spread * rng.normal());
  blob.x += organ.shift * rng.normal() + organ.drift_x * level;
  blob.y += organ.shift * rng.normal() + organ.drift_y * level;
  blob.turn += 2 * organ.shift * rng.normal();
  for (size_t k = 0; k < Blob::kTerms; ++k) {
    blob.cosine[k] += organ.rough * rng.normal() / static_cast<float>(k + 1);
    blob.sine[k] += organ.rough * rng.normal() / static_cast<float>(k + 1);
  }
  if (organ.follows >= 0) {
    const auto host = static_cast<size_t>(organ.follows);
    const Blob &before = organs[host].blob, &now = placed[host];
    const float grown = std::sqrt(now.rx * now.ry / (before.rx * before.ry));
    blob.x = now.x + (blob.x - before.x) * grown;
    blob.y = now.y + (blob.y - before.y) * grown;
    blob.rx *= grown;
    blob.ry *= grown;
  }
  placed.push_back(blob);
  Labels inside{};
  inside.fill(true);
  inside[0] = false;
  inside[kFat] = false;
  const Labels* clip = organ.clipped && !outside_filled ? &inside : nullptr;
  const auto put = [&](const Blob& at, int label) {
    paint_blob(canvas, at, organ.paint, label, clip);
    if (organ.wall > 0) {
      const float wall = organ.wall * std::exp(0.15F * rng.normal()) * std::sqrt(factor);
      const float angle = at.turn + 1.0F;
      paint_blob(
          canvas,
          at.shrunk(wall).moved(organ.off * wall * std::cos(angle), organ.off * wall * std::sin(angle)),
          organ.cavity_paint, organ.cavity_label, clip);
    }
  };
  put(blob, organ.label);
  const auto sprinkle = [&](const Blob& at, int label) {
    const Labels within = labels_of({label});
    for (int k = 0; k < organ.sprinkles; ++k) {
      Blob spot;
      const float angle = rng.uniform(0, 6.2832F), out = std::sqrt(rng.uniform());
      spot.x = at.x + at.rx * out * std::cos(angle);
      spot.y = at.y + at.ry * out * std::sin(angle);
      spot.rx = 0.1F * std::sqrt(at.rx * at.ry) * rng.log_uniform(0.25F, 1);
      spot.ry = spot.rx * rng.uniform(0.6F, 1);
      paint_blob(canvas, spot, organ.sprinkle_paint, label, &within);
    }
  };
  if (organ.sprinkles > 0) sprinkle(blob, organ.label);
  if (organ.pair) {
    Blob other = blob.mirrored().moved(0.3F * organ.shift * rng.normal(), 0.5F * organ.shift * rng.normal());
    other = other.scaled(std::exp(0.4F * organ.size_spread * rng.normal()));
    put(other, organ.pair_label);
    if (organ.sprinkles > 0) sprinkle(other, organ.pair_label);
  }
}

// Half of the tasks look closer, at some organ.
void Anatomy::aim(Rng rng) {
  if (outside_filled || rng.chance(0.5F)) return;
  const Blob& blob = organs[static_cast<size_t>(rng.below(static_cast<int>(organs.size())))].blob;
  const float closer = rng.log_uniform(1.05F, 1.9F), share = std::min(1.0F, 1.2F * (1 - 1 / closer));
  view.zoom *= closer;
  view.centre_x = share * blob.x;
  view.centre_y = share * blob.y;
}

// What has no place of its own and lies under the organs that have one.
void Anatomy::draw_clutter(Canvas& canvas, Rng rng) const {
  const Labels muscle = labels_of({kBody});
  for (int k = 0; k < clutter; ++k) {
    Blob loop;
    loop.x = clutter_x + clutter_reach * rng.normal() * 0.6F;
    loop.y = clutter_y + clutter_reach * rng.normal() * 0.5F;
    loop.rx = clutter_size * rng.log_uniform(0.5F, 1.5F);
    loop.ry = clutter_size * rng.log_uniform(0.4F, 1.1F);
    loop.turn = rng.uniform(0, 3.14F);
    loop.roughen(rng, 0.1F);
    const auto pick = static_cast<size_t>(rng.below(static_cast<int>(clutter_paints.size())));
    const auto core = static_cast<size_t>(rng.below(static_cast<int>(clutter_paints.size())));
    paint_blob(canvas, loop, clutter_paints[pick], Canvas::kKeep, outside_filled ? nullptr : &muscle);
    if (rng.chance(0.6F)) {
      paint_blob(canvas, loop.shrunk(0.2F * clutter_size), clutter_paints[core], Canvas::kKeep,
                 outside_filled ? nullptr : &muscle);
    }
  }
  Rng seam = rng.fork(1);
  for (int k = 0; k < streaks; ++k) {
    float x = body.rx * seam.uniform(-0.9F, 0.9F), y = body.ry * seam.uniform(-0.9F, 0.9F);
    float angle = std::atan2(y, x) + 1.57F + 0.5F * seam.normal(), width = seam.log_uniform(0.002F, 0.008F);
    const float length = seam.uniform(0.03F, 0.1F), bend = 0.3F * seam.normal();
    for (int part = 0; part < 5; ++part, angle += bend + 0.2F * seam.normal()) {
      const Stroke stroke{x,
                          y,
                          width,
                          x + length * std::cos(angle),
                          y + length * std::sin(angle),
                          width * seam.uniform(0.6F, 1.4F)};
      canvas.paint(stroke.box(), streak_paint_, Canvas::kKeep, stroke, outside_filled ? nullptr : &muscle);
      x = stroke.x1;
      y = stroke.y1;
      width = stroke.r1;
    }
  }
}

void Anatomy::draw(Canvas& canvas, Rng rng) const {
  const float level = level_spread_ * rng.uniform(-1, 1);
  if (outside_filled) {
    for (size_t i = 0; i < canvas.labels().size(); ++i) canvas.fill(i, 2, kBody);
  } else {
    Rng own = rng.fork(1);
    const float grown = std::exp(0.05F * own.normal()), wider = std::exp(0.04F * own.normal());
    Blob shell = body.scaled(grown), inner = flesh.scaled(grown);
    shell.rx *= wider;
    inner.rx *= wider;
    for (size_t k = 0; k < Blob::kTerms; ++k) {
      const float change = 0.012F * own.normal();
      shell.cosine[k] += change;
      inner.cosine[k] += change;
    }
    inner.inset *= std::exp(0.35F * own.normal());
    if (arms && own.chance(0.8F)) {
      Blob arm;
      arm.x = -(shell.rx + 0.12F + 0.03F * own.normal());
      arm.y = 0.2F * own.normal();
      arm.rx = 0.13F;
      arm.ry = 0.17F;
      for (const Blob& one : {arm, arm.mirrored()}) {
        paint_blob(canvas, one, 1, kFat);
        paint_blob(canvas, one.shrunk(0.5F * fat), 2, kBody);
      }
    }
    paint_blob(canvas, shell, 1, kFat);
    paint_blob(canvas, inner, 2, kBody);
  }
  draw_clutter(canvas, rng.fork(2));
  std::vector<Blob> placed;
  for (size_t k = 0; k < organs.size(); ++k) draw_organ(canvas, organs[k], rng.fork(100 + k), level, placed);
}

FamilyPtr make_anatomy(Rng rng) { return std::make_unique<Anatomy>(rng); }

}  // namespace gmiseg::synth
