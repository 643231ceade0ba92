// Hearts, limbs, close-ups, and layouts of no body in particular.
#include <algorithm>
#include <cmath>

#include "synth/families/anatomy.h"
#include "synth/families/layout_parts.h"

namespace gmiseg::synth {

// Short axis: a ring of muscle round blood, a crescent of blood beside it.
void layout_heart(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.view.zoom *= rng.uniform(1.0F, 1.6F);
  const float w = a.body.rx, h = a.body.ry, side = rng.sign(), scale = rng.uniform(0.15F, 0.27F);
  const int lung = a.paint_of(rng, t.air + 0.08F), blood = a.paint_of(rng, t.blood),
            muscle = a.paint_of(rng, t.muscle);
  Organ lungs = parts.organ(-w * 0.5F, -h * 0.05F, w * 0.32F, h * 0.5F, 0.1F, lung, 0.12F);
  lungs.pair = true;
  lungs.sprinkles = rng.chance(0.7F) ? rng.between(4, 24) : 0;
  lungs.sprinkle_paint = blood;
  a.add(lungs, 0.5F);
  parts.loose(blood, muscle);
  Organ liver = parts.organ(-side * w * 0.25F, h * 0.42F, w * 0.4F, h * 0.25F, 0.2F,
                            a.paint_of(rng, t.organ, 0.06F), 0.12F);
  a.add(liver, 0.5F);
  if (rng.chance(0.5F)) parts.spine(0, h * 0.68F, w * 0.12F);
  const float cx = side * w * rng.uniform(0, 0.2F), cy = -h * rng.uniform(0, 0.25F);
  if (rng.chance(0.5F)) {
    // The sac, with fat in it.
    Organ sac = parts.organ(cx - side * scale * 0.4F, cy, scale * 2.1F, scale * 1.75F, 0,
                            a.paint_of(rng, t.fat), 0.1F);
    a.add(sac, 0.3F);
  }
  const float apart = rng.uniform(0.9F, 1.3F), tilt = rng.uniform(-0.5F, 0.5F);
  const float level = rng.uniform(-0.5F, 0.3F), steep = rng.uniform(0.3F, 0.85F);
  Organ right = parts.organ(cx - side * scale * apart * std::cos(tilt),
                            cy - scale * apart * std::sin(tilt) * side, scale * rng.uniform(0.75F, 1.05F),
                            scale * rng.uniform(1.0F, 1.4F), side * rng.uniform(-0.4F, 0.4F),
                            rng.chance(0.3F) ? muscle : a.paint_of(rng, t.muscle), 0.12F);
  right.wall = scale * rng.uniform(0.06F, 0.2F);
  right.cavity_paint = rng.chance(0.6F) ? blood : a.paint_of(rng, t.blood);
  right.size_spread = 0.2F;
  right.level = level;
  right.steep = std::min(0.95F, steep * 1.3F);
  a.add(right, 1.6F);
  Organ left = parts.organ(cx, cy, scale, scale * rng.uniform(0.9F, 1.1F), rng.uniform(0, 3), muscle, 0.03F);
  left.wall = scale * rng.uniform(0.22F, 0.45F);
  left.cavity_paint = blood;
  left.size_spread = rng.uniform(0.1F, 0.25F);
  left.level = level;
  left.steep = steep;
  left.off = rng.uniform(-0.2F, 0.2F);
  const int host = a.add(left, 1.8F);
  if (rng.chance(0.6F)) {
    // Papillary muscles: in the cavity, counted to it or not by the labels.
    for (int k = 0; k < 2; ++k) {
      const float angle = rng.uniform(0, 6.28F);
      Organ papillary = parts.organ(left.blob.x + scale * 0.42F * std::cos(angle),
                                    left.blob.y + scale * 0.42F * std::sin(angle), scale * 0.13F,
                                    scale * 0.1F, angle, muscle, 0.1F);
      papillary.label = a.organs[static_cast<size_t>(host)].cavity_label;
      papillary.follows = host;
      papillary.steep = 0;
      a.organs.push_back(papillary);
    }
  }
}

// Four chambers, or a long axis: rounded cavities that share walls.
void layout_chambers(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.view.zoom *= rng.uniform(1.0F, 1.5F);
  const float w = a.body.rx, h = a.body.ry, scale = rng.uniform(0.3F, 0.5F), turn = rng.uniform(-0.9F, 0.9F);
  const int blood = a.paint_of(rng, t.blood), muscle = a.paint_of(rng, t.muscle);
  const int lung = a.paint_of(rng, t.air + 0.08F);
  Organ lungs = parts.organ(-w * 0.55F, 0, w * 0.28F, h * 0.55F, 0, lung, 0.1F);
  lungs.pair = true;
  lungs.sprinkles = rng.chance(0.7F) ? rng.between(4, 24) : 0;
  lungs.sprinkle_paint = blood;
  a.add(lungs, 0.5F);
  parts.loose(blood, muscle);
  parts.spine(0, h * 0.66F, w * 0.12F);
  Organ heart = parts.organ(0, -h * 0.08F, scale * 1.05F, scale * 0.95F, turn, muscle, 0.06F);
  heart.steep = rng.uniform(0, 0.5F);
  const int host = a.add(heart, 0.8F);
  const float places[4][4] = {{-0.45F, -0.35F, 0.34F, 0.42F},
                              {0.42F, -0.35F, 0.32F, 0.45F},
                              {-0.42F, 0.45F, 0.36F, 0.3F},
                              {0.42F, 0.45F, 0.36F, 0.3F}};
  const bool thin = rng.chance(0.5F);
  for (const auto& place : places) {
    if (rng.chance(0.12F)) continue;
    const float px = place[0] * scale, py = place[1] * scale, c = std::cos(turn), s = std::sin(turn);
    Organ chamber =
        parts.organ(heart.blob.x + c * px - s * py, heart.blob.y + s * px + c * py, place[2] * scale,
                    place[3] * scale, turn, rng.chance(0.7F) ? blood : a.paint_of(rng, t.blood, 0.06F), 0.1F);
    chamber.follows = host;
    if (thin) {
      // They touch: only a thin wall shows between them.
      chamber.blob = chamber.blob.scaled(1.2F);
      chamber.cavity_paint = chamber.paint;
      chamber.paint = muscle;
      chamber.wall = scale * rng.uniform(0.015F, 0.05F);
    }
    chamber.size_spread = rng.uniform(0.1F, 0.35F);
    chamber.steep = rng.uniform(0, 0.8F);
    a.add(chamber, 1.4F);
  }
  parts.tube(rng.uniform(-0.1F, 0.1F), h * 0.4F, w * 0.07F, blood);
  if (rng.chance(0.6F)) parts.tube(rng.sign() * w * 0.2F, -h * 0.5F, w * 0.06F, blood);
}

void layout_limb(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.body.rx = rng.uniform(0.6F, 0.85F);
  a.body.ry = a.body.rx * rng.uniform(0.85F, 1.1F);
  const float w = a.body.rx;
  // Muscles in sectors round the bone, of nearly one grey.
  const int muscles = rng.between(4, 9);
  const float start = rng.uniform(0, 6.28F);
  for (int k = 0; k < muscles; ++k) {
    const float angle =
        start + 6.28F * (static_cast<float>(k) + rng.uniform(-0.15F, 0.15F)) / static_cast<float>(muscles);
    const float out = w * rng.uniform(0.42F, 0.6F);
    Organ muscle =
        parts.organ(out * std::cos(angle), out * std::sin(angle), w * rng.uniform(0.2F, 0.3F),
                    w * 1.9F / static_cast<float>(muscles), angle, a.paint_of(rng, t.muscle, 0.02F), 0.1F);
    muscle.blob.inset = 0.01F;
    a.add(muscle);
    if (k % 2 == 0) continue;
    // A seam of fat shows between some.
    Organ seam = parts.organ(0.6F * w * std::cos(angle + 0.4F), 0.6F * w * std::sin(angle + 0.4F), w * 0.28F,
                             0.012F, angle + 0.4F, a.paint_of(rng, t.fat), 0.1F);
    a.add(seam, 0.1F);
  }
  const int bone = a.paint_of(rng, t.bone), marrow = a.paint_of(rng, t.marrow);
  const int bones = rng.between(1, 2);
  for (int k = 0; k < bones; ++k) {
    Organ shaft = parts.organ(w * rng.uniform(-0.25F, 0.25F), w * rng.uniform(-0.2F, 0.2F),
                              w * rng.uniform(0.1F, 0.22F), w * rng.uniform(0.1F, 0.2F), rng.uniform(0, 3),
                              bone, 0.06F);
    shaft.wall = w * rng.uniform(0.02F, 0.06F);
    shaft.cavity_paint = marrow;
    a.add(shaft, 1.3F);
  }
  const int blood = a.paint_of(rng, t.blood);
  for (int k = 0; k < 3; ++k)
    parts.tube(w * rng.uniform(-0.4F, 0.4F), w * rng.uniform(-0.4F, 0.4F), w * 0.035F, blood);
}

void layout_random(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  const float w = a.body.rx, h = a.body.ry;
  const float greys[] = {t.organ, t.other_organ, t.blood, t.fluid, t.muscle, t.bone, t.fat, t.air, t.marrow};
  std::vector<int> paints;
  for (int k = rng.between(2, 6); k > 0; --k) paints.push_back(a.paint_of(rng, greys[rng.below(9)], 0.08F));
  a.clutter = rng.chance(0.5F) ? rng.between(2, 12) : 0;
  a.clutter_size = rng.uniform(0.04F, 0.13F);
  a.clutter_paints = paints;
  if (rng.chance(0.4F)) parts.spine(0, h * 0.6F, w * rng.uniform(0.1F, 0.16F));
  const int count = rng.between(4, 14);
  for (int k = 0; k < count; ++k) {
    // Large ones first; later ones lie over them, some inside one.
    const float size = w * rng.log_uniform(0.05F, 0.42F) * (k < 3 ? 1.3F : 0.8F);
    const float angle = rng.uniform(0, 6.28F), out = std::sqrt(rng.uniform()) * 0.75F;
    float x = w * out * std::cos(angle), y = h * out * std::sin(angle);
    int host = -1;
    if (k > 2 && rng.chance(0.3F)) {
      host = rng.below(static_cast<int>(a.organs.size()));
      x = a.organs[static_cast<size_t>(host)].blob.x + 0.3F * size * rng.normal();
      y = a.organs[static_cast<size_t>(host)].blob.y + 0.3F * size * rng.normal();
    }
    Organ organ = parts.organ(
        x, y, size * rng.log_uniform(0.6F, 1.2F), size * rng.log_uniform(0.6F, 1.2F), rng.uniform(0, 3.14F),
        paints[static_cast<size_t>(rng.below(static_cast<int>(paints.size())))], rng.uniform(0.02F, 0.2F));
    organ.follows = host;
    organ.size_spread = rng.log_uniform(0.06F, 0.4F);
    organ.steep = rng.chance(0.5F) ? rng.uniform(0, 0.9F) : 0;
    if (rng.chance(0.3F)) {
      organ.wall = size * rng.uniform(0.12F, 0.4F);
      organ.cavity_paint = paints[static_cast<size_t>(rng.below(static_cast<int>(paints.size())))];
      organ.off = rng.uniform(-0.8F, 0.8F);
    }
    if (host < 0 && std::fabs(organ.blob.x) > size && rng.chance(0.3F)) {
      organ.pair = true;
      if (rng.chance(0.6F)) organ.pair_label = a.new_label();
    }
    a.add(organ);
  }
}

// One structure fills much of the picture: a joint, an eye, a prostate, a vessel's wall.
void layout_close_up(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.outside_filled = true;
  const float greys[] = {t.organ, t.other_organ, t.blood, t.fluid, t.muscle, t.bone, t.fat, t.marrow};
  std::vector<int> paints;
  for (int k = rng.between(3, 6); k > 0; --k) paints.push_back(a.paint_of(rng, greys[rng.below(8)], 0.06F));
  const auto any = [&] { return paints[static_cast<size_t>(rng.below(static_cast<int>(paints.size())))]; };
  // Large neighbours at the edges of the picture.
  for (int k = rng.between(2, 5); k > 0; --k) {
    const float angle = rng.uniform(0, 6.28F), out = rng.uniform(0.7F, 1.3F);
    Organ side = parts.organ(out * std::cos(angle), out * std::sin(angle), rng.uniform(0.25F, 0.7F),
                             rng.uniform(0.2F, 0.5F), rng.uniform(0, 3), any(), 0.15F);
    a.add(side, 0.7F);
  }
  a.clutter = rng.chance(0.6F) ? rng.between(3, 14) : 0;
  a.clutter_size = rng.uniform(0.03F, 0.12F);
  a.clutter_reach = 0.9F;
  a.clutter_paints = paints;
  const float size = rng.uniform(0.15F, 0.5F);
  Organ centre =
      parts.organ(rng.uniform(-0.2F, 0.2F), rng.uniform(-0.2F, 0.2F), size, size * rng.uniform(0.5F, 1.2F),
                  rng.uniform(0, 3), any(), rng.uniform(0.02F, 0.15F));
  centre.size_spread = rng.uniform(0.1F, 0.35F);
  centre.steep = rng.uniform(0, 0.7F);
  if (rng.chance(0.6F)) {
    centre.wall = size * rng.uniform(0.08F, 0.35F);
    centre.cavity_paint = any();
    centre.off = rng.uniform(-0.8F, 0.8F);
  }
  const int host = a.add(centre, 2);
  for (int k = rng.between(0, 4); k > 0; --k) {
    Organ inner = parts.organ(centre.blob.x + 0.45F * size * rng.normal(),
                              centre.blob.y + 0.45F * size * rng.normal(), size * rng.log_uniform(0.1F, 0.4F),
                              size * rng.log_uniform(0.1F, 0.4F), rng.uniform(0, 3), any(), 0.1F);
    inner.follows = host;
    inner.size_spread = rng.uniform(0.1F, 0.3F);
    a.add(inner, 1.3F);
  }
}

}  // namespace gmiseg::synth
