// Cross sections of chest, abdomen and pelvis. x to the side, y to the back.
#include <algorithm>
#include <cmath>

#include "synth/families/anatomy.h"
#include "synth/families/layout_parts.h"

namespace gmiseg::synth {

void layout_thorax(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.body.ry = a.body.rx * rng.uniform(0.62F, 0.8F);
  const float w = a.body.rx, h = a.body.ry;
  parts.spine(0, h * 0.62F, w * 0.13F);
  parts.ribs(0.9F, rng.between(4, 8));
  const int lung = a.paint_of(rng, std::min(t.air + 0.1F, 0.5F));
  Organ lungs =
      parts.organ(-w * 0.46F, h * 0.02F, w * 0.3F, h * 0.6F, rng.uniform(-0.15F, 0.1F), lung, 0.12F);
  lungs.pair = true;
  lungs.size_spread = 0.12F;
  lungs.steep = rng.uniform(0, 0.4F);
  lungs.sprinkles = rng.chance(0.7F) ? rng.between(4, 30) : 0;
  lungs.sprinkle_paint = a.paint_of(rng, t.muscle, 0.08F);
  if (rng.chance(0.4F)) lungs.pair_label = a.new_label();
  a.add(lungs);
  // The heart leans to one side.
  const float side = rng.sign();
  const int muscle = a.paint_of(rng, t.muscle + 0.03F), blood = a.paint_of(rng, t.blood);
  Organ heart =
      parts.organ(side * w * 0.12F, -h * 0.18F, w * 0.3F, h * 0.3F, rng.uniform(-0.6F, 0.6F), muscle, 0.1F);
  heart.steep = rng.uniform(0.2F, 0.8F);
  heart.size_spread = 0.18F;
  const int host = a.add(heart);
  const int chambers = rng.between(1, 4);
  for (int k = 0; k < chambers; ++k) {
    const float angle = 6.28F * (static_cast<float>(k) + rng.uniform(0, 0.5F)) / static_cast<float>(chambers);
    Organ chamber = parts.organ(heart.blob.x + w * 0.14F * std::cos(angle),
                                heart.blob.y + h * 0.14F * std::sin(angle), w * rng.uniform(0.07F, 0.12F),
                                h * rng.uniform(0.08F, 0.14F), rng.uniform(0, 3), blood, 0.15F);
    chamber.follows = host;
    chamber.size_spread = 0.2F;
    a.add(chamber, 1.5F);
  }
  parts.tube(side * w * 0.1F, h * 0.38F, w * 0.065F, blood);                          // aorta
  parts.tube(-side * w * 0.03F, h * 0.3F, w * 0.035F, a.paint_of(rng, t.muscle));     // gullet
  if (rng.chance(0.5F)) parts.tube(0, h * 0.12F, w * 0.05F, a.paint_of(rng, t.air));  // windpipe
}

void layout_abdomen(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.body.ry = a.body.rx * rng.uniform(0.64F, 0.85F);
  const float w = a.body.rx, h = a.body.ry, side = rng.sign();
  // Intra-abdominal fat between the organs, in most.
  if (rng.chance(0.6F)) {
    Organ cave = parts.organ(0, -h * 0.12F, w * 0.78F, h * 0.68F, 0, a.paint_of(rng, t.fat), 0.05F);
    cave.size_spread = 0.05F;
    a.add(cave, 0.2F);
  }
  a.clutter = rng.between(4, 16);
  a.clutter_size = w * rng.uniform(0.08F, 0.14F);
  a.clutter_y = -h * 0.2F;
  a.clutter_reach = w * 0.5F;
  for (const float value : {t.muscle, t.air, t.fluid, t.organ})
    a.clutter_paints.push_back(a.paint_of(rng, value, 0.06F));
  parts.spine(0, h * 0.55F, w * 0.14F);
  if (rng.chance(0.5F)) parts.ribs(0.92F, rng.between(4, 8));

  const int liver_paint = a.paint_of(rng, t.organ), other = a.paint_of(rng, t.other_organ, 0.04F);
  const int blood = a.paint_of(rng, t.blood), fluid = a.paint_of(rng, t.fluid);
  const float level = rng.uniform(-0.6F, 0.6F);
  if (rng.chance(0.85F)) {
    Organ liver = parts.organ(-side * w * 0.42F, -h * 0.12F, w * 0.38F, h * 0.52F,
                              side * rng.uniform(0, 0.4F), liver_paint, 0.14F);
    liver.size_spread = 0.15F;
    liver.level = level;
    liver.steep = rng.uniform(0.2F, 0.8F);
    const int host = a.add(liver, 1.2F);
    // Vessels and perhaps a mass within.
    for (int k = rng.between(0, 3); k > 0; --k) {
      Organ vessel =
          parts.organ(liver.blob.x + w * 0.14F * rng.normal(), liver.blob.y + h * 0.16F * rng.normal(),
                      w * 0.03F, w * rng.uniform(0.02F, 0.06F), rng.uniform(0, 3), blood, 0.1F);
      vessel.follows = host;
      a.add(vessel, 0.6F);
    }
    if (rng.chance(0.6F)) {
      Organ bladder = parts.organ(liver.blob.x + side * w * 0.16F, liver.blob.y - h * 0.05F, w * 0.07F,
                                  w * 0.1F, rng.uniform(0, 3), fluid, 0.06F);
      bladder.follows = host;
      bladder.size_spread = 0.3F;
      a.add(bladder, 1.3F);
    }
  }
  if (rng.chance(0.8F)) {
    Organ stomach = parts.organ(side * w * 0.3F, -h * 0.35F, w * 0.24F, h * 0.22F,
                                side * rng.uniform(-0.6F, 0.2F), a.paint_of(rng, t.muscle), 0.15F);
    stomach.wall = w * rng.uniform(0.02F, 0.05F);
    stomach.cavity_paint = rng.chance(0.5F) ? fluid : a.paint_of(rng, t.air);
    stomach.size_spread = 0.3F;
    stomach.shift = 0.05F;
    a.add(stomach);
  }
  if (rng.chance(0.85F)) {
    // A bean that lies against the wall.
    Organ spleen =
        parts.organ(side * w * 0.66F, h * 0.12F, w * 0.13F, h * 0.28F, -side * rng.uniform(0.1F, 0.5F),
                    rng.chance(0.5F) ? liver_paint : other, 0.12F);
    spleen.blob.cosine[0] += 0.08F;
    spleen.size_spread = 0.25F;
    spleen.level = level + rng.uniform(-0.3F, 0.3F);
    spleen.steep = rng.uniform(0.3F, 0.9F);
    a.add(spleen, 1.5F);
  }
  if (rng.chance(0.8F)) {
    Organ kidney =
        parts.organ(-w * 0.4F, h * 0.36F, w * 0.13F, h * 0.18F, rng.uniform(-0.7F, 0.7F), other, 0.06F);
    kidney.blob.sine[0] += 0.06F;
    kidney.pair = true;
    if (rng.chance(0.6F)) kidney.pair_label = a.new_label();
    if (rng.chance(0.6F)) {
      kidney.wall = w * rng.uniform(0.04F, 0.07F);
      kidney.cavity_paint = rng.chance(0.5F) ? fluid : a.paint_of(rng, t.fat);
      kidney.off = rng.uniform(-0.6F, 0.6F);
    }
    kidney.size_spread = 0.18F;
    kidney.level = -level;
    kidney.steep = rng.uniform(0.2F, 0.8F);
    a.add(kidney, 1.4F);
  }
  parts.tube(side * w * 0.05F, h * 0.3F, w * 0.06F, blood);
  parts.tube(-side * w * 0.09F, h * 0.28F, w * 0.065F, rng.chance(0.6F) ? blood : other);
  Organ pancreas = parts.organ(side * w * 0.1F, h * 0.06F, w * 0.2F, h * 0.06F,
                               side * rng.uniform(-0.5F, 0.3F), a.paint_of(rng, t.other_organ), 0.22F);
  pancreas.size_spread = 0.25F;
  if (rng.chance(0.6F)) a.add(pancreas, 1.5F);
  Organ psoas =
      parts.organ(-w * 0.2F, h * 0.52F, w * 0.09F, h * 0.12F, 0.3F, a.paint_of(rng, t.muscle), 0.05F);
  psoas.pair = true;
  if (rng.chance(0.7F)) a.add(psoas);
}

void layout_pelvis(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.body.ry = a.body.rx * rng.uniform(0.6F, 0.8F);
  const float w = a.body.rx, h = a.body.ry;
  a.clutter = rng.between(0, 8);
  a.clutter_size = w * 0.08F;
  a.clutter_y = -h * 0.4F;
  a.clutter_paints = {a.paint_of(rng, t.fat), a.paint_of(rng, t.muscle), a.paint_of(rng, t.other_organ)};
  const int bone = a.paint_of(rng, t.bone), marrow = a.paint_of(rng, t.marrow);
  Organ hip = parts.organ(-w * 0.58F, h * 0.05F, w * 0.16F, h * 0.24F, rng.uniform(-0.4F, 0.4F), bone, 0.08F);
  hip.wall = w * rng.uniform(0.015F, 0.04F);
  hip.cavity_paint = marrow;
  hip.pair = true;
  if (rng.chance(0.5F)) hip.pair_label = a.new_label();
  a.add(hip);
  Organ glutes = parts.organ(-w * 0.42F, h * 0.62F, w * 0.3F, h * 0.2F, rng.uniform(-0.4F, 0.4F),
                             a.paint_of(rng, t.muscle, 0.05F), 0.08F);
  glutes.pair = true;
  a.add(glutes, 0.7F);
  const int wall = a.paint_of(rng, t.muscle), fluid = a.paint_of(rng, t.fluid);
  Organ bladder = parts.organ(0, -h * 0.3F, w * 0.2F, h * 0.24F, 0, wall, 0.07F);
  bladder.wall = w * rng.uniform(0.015F, 0.05F);
  bladder.cavity_paint = fluid;
  bladder.size_spread = 0.35F;
  bladder.steep = rng.uniform(0.2F, 0.9F);
  a.add(bladder, 1.2F);
  Organ prostate = parts.organ(0, h * 0.12F, w * 0.15F, h * 0.15F, 0, a.paint_of(rng, t.organ), 0.06F);
  prostate.wall = w * rng.uniform(0.025F, 0.06F);
  prostate.cavity_paint = a.paint_of(rng, t.other_organ, 0.08F);
  prostate.off = rng.uniform(-0.7F, 0.7F);
  prostate.level = rng.uniform(-0.5F, 0.5F);
  prostate.steep = rng.uniform(0.3F, 0.9F);
  a.add(prostate, 1.5F);
  Organ rectum = parts.organ(0, h * 0.45F, w * 0.1F, h * 0.12F, 0, wall, 0.12F);
  rectum.wall = w * 0.03F;
  rectum.cavity_paint = a.paint_of(rng, rng.chance(0.5F) ? t.air : t.organ);
  rectum.size_spread = 0.3F;
  a.add(rectum, 1.2F);
  Organ tail = parts.organ(0, h * 0.72F, w * 0.1F, h * 0.07F, 0, bone, 0.15F);
  a.add(tail, 0.7F);
  Organ vessels =
      parts.organ(-w * 0.34F, -h * 0.34F, w * 0.035F, w * 0.035F, 0, a.paint_of(rng, t.blood), 0.05F);
  vessels.pair = true;
  a.add(vessels, 0.8F);
}

}  // namespace gmiseg::synth
