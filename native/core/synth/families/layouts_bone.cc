// Bones seen lengthwise: a spine from the side, a joint.
#include <algorithm>
#include <cmath>

#include "synth/families/anatomy.h"
#include "synth/families/layout_parts.h"

namespace gmiseg::synth {

// Vertebrae and discs down a curve, the canal behind them.
void layout_spine(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.outside_filled = rng.chance(0.6F);
  a.body.rx = 0.85F;
  a.body.ry = 1.3F;
  parts.loose(a.paint_of(rng, t.blood), a.paint_of(rng, t.fat));
  const int bone = a.paint_of(rng, rng.chance(0.5F) ? t.marrow : t.bone), rim = a.paint_of(rng, t.bone);
  const int disc = a.paint_of(rng, t.organ, 0.1F), core = a.paint_of(rng, t.fluid, 0.1F);
  const int fluid = a.paint_of(rng, t.fluid), cord = a.paint_of(rng, t.other_organ, 0.08F),
            fat = a.paint_of(rng, t.fat);
  const int count = rng.between(4, 9);
  const float step = 2.1F / static_cast<float>(count), height = step * rng.uniform(0.33F, 0.4F),
              width = rng.uniform(0.13F, 0.22F);
  const float bend = rng.uniform(-0.25F, 0.25F), wave = rng.uniform(1, 2.2F),
              lean = rng.uniform(-0.15F, 0.15F);
  const auto curve = [&](float y) { return bend * std::cos(wave * y) + lean * y - 0.05F; };
  const int bones = a.new_label(), discs = a.new_label(), marked = a.new_label(), canal = a.new_label(),
            inner = a.new_label();
  const int chosen = rng.between(1, count - 2);
  // The canal first, as a string of overlapping pieces.
  for (int k = 0; k < 2 * count; ++k) {
    const float y = -1.15F + 2.3F * (static_cast<float>(k) + 0.5F) / static_cast<float>(2 * count);
    Organ piece = parts.organ(curve(y) + width * 1.5F, y, width * 0.42F, step * 0.5F, -lean, fluid, 0);
    piece.blob.x = curve(y) + width * 1.5F;
    piece.blob.y = y;
    piece.label = canal;
    piece.steep = piece.size_spread = piece.drift_x = piece.drift_y = 0;
    piece.shift = 0.003F;
    a.organs.push_back(piece);
    piece.blob.rx *= 0.5F;
    piece.paint = cord;
    piece.label = inner;
    a.organs.push_back(piece);
  }
  for (int k = 0; k < count; ++k) {
    const float y = -1 + step * (static_cast<float>(k) + 0.5F),
                slope = -std::atan(-bend * wave * std::sin(wave * y) + lean);
    const float grown = 0.8F + 0.4F * static_cast<float>(k) / static_cast<float>(count);
    Organ body = parts.organ(0, 0, width * grown, height, slope, rim, 0.02F);
    body.blob.x = curve(y);
    body.blob.y = y;
    body.blob.ry = height;
    body.blob.cosine[2] -= 0.12F;
    body.wall = 0.012F;
    body.cavity_paint = bone;
    body.label = body.cavity_label = k == chosen ? marked : bones;
    body.steep = body.drift_x = body.drift_y = 0;
    body.size_spread = 0.06F;
    body.shift = 0.008F;
    a.organs.push_back(body);
    Organ spinous =
        parts.organ(curve(y) + width * 3.2F, y + 0.4F * step, width * 0.9F, height * 0.5F, 0.4F, bone, 0.08F);
    spinous.label = a.new_label();
    a.organs.push_back(spinous);
    if (k + 1 == count) break;
    const float between = y + step / 2;
    Organ pad = parts.organ(0, 0, width * grown, step * 0.5F - height * 0.85F, slope, disc, 0.03F);
    pad.blob.x = curve(between);
    pad.blob.y = between;
    pad.label = pad.cavity_label = discs;
    pad.wall = 0.02F;
    pad.cavity_paint = core;
    pad.steep = pad.drift_x = pad.drift_y = 0;
    pad.shift = 0.008F;
    a.organs.push_back(pad);
  }
  Organ back = parts.organ(curve(0) + width * 4.5F, 0, width, 1.1F, 0, fat, 0.05F);
  a.organs.push_back(back);
  a.organs.back().label = a.new_label();
  a.targets.push_back({"bones", labels_of({bones, marked}), 2});
  a.targets.push_back({"discs", labels_of({discs}), 2});
  a.targets.push_back({"organ", labels_of({marked}), 1.5F});
  a.targets.push_back({"canal", labels_of({canal, inner}), 2});
  a.targets.push_back({"cavity", labels_of({inner}), 1});
}

// Two bone ends with cartilage between them, muscle and fat around.
void layout_joint(Anatomy& a, Rng rng) {
  const Tissues& t = a.tissues;
  Parts parts(a, rng.fork(1));
  a.outside_filled = rng.chance(0.7F);
  a.body.rx = 0.75F;
  a.body.ry = 1.4F;
  parts.loose(a.paint_of(rng, t.blood), a.paint_of(rng, t.fat));
  const int marrow = a.paint_of(rng, t.marrow), bone = a.paint_of(rng, t.bone),
            cartilage = a.paint_of(rng, t.organ, 0.1F);
  const int fluid = a.paint_of(rng, t.fluid), fat = a.paint_of(rng, t.fat);
  for (int k = rng.between(2, 4); k > 0; --k) {
    Organ muscle = parts.organ(rng.sign() * rng.uniform(0.5F, 0.8F), rng.uniform(-0.9F, 0.9F),
                               rng.uniform(0.1F, 0.25F), rng.uniform(0.3F, 0.7F), rng.uniform(-0.3F, 0.3F),
                               k % 2 == 0 ? fat : a.paint_of(rng, t.muscle, 0.05F), 0.1F);
    a.add(muscle, 0.7F);
  }
  const float width = rng.uniform(0.3F, 0.48F), layer = rng.log_uniform(0.02F, 0.06F);
  const int pads = a.new_label();
  for (const float up : {-1.0F, 1.0F}) {
    // The end, wrapped in cartilage, then the shaft that hides it away from the joint.
    Organ pad = parts.organ(0, up * 0.36F, width, 0.32F, rng.uniform(-0.1F, 0.1F), cartilage, 0.04F);
    pad.blob.cosine[2] -= 0.08F;
    pad.label = pads;
    pad.steep = 0;
    pad.size_spread = 0.06F;
    a.organs.push_back(pad);
    const int host = static_cast<int>(a.organs.size()) - 1;
    Organ end = pad;
    end.blob.rx -= 0.4F * layer;
    end.blob.ry -= layer;
    end.blob.y += up * layer * 0.6F;
    end.paint = bone;
    end.wall = rng.uniform(0.01F, 0.03F);
    end.cavity_paint = marrow;
    end.label = end.cavity_label = a.new_label();
    end.follows = host;
    end.size_spread = end.shift = 0.01F;
    Organ shaft = end;
    shaft.blob.y += up * 0.6F;
    shaft.blob.rx *= rng.uniform(0.5F, 0.75F);
    shaft.blob.ry = 0.75F;
    a.organs.push_back(shaft);
    a.organs.push_back(end);
    a.targets.push_back({"organ", labels_of({end.label}), 1.5F});
  }
  a.targets.push_back({"cartilage", labels_of({pads}), 2});
  if (rng.chance(0.6F)) {
    Organ cap = parts.organ(rng.sign() * (width + 0.12F), rng.uniform(-0.3F, 0.1F), 0.09F, 0.2F,
                            rng.uniform(-0.2F, 0.2F), bone, 0.06F);
    cap.wall = 0.02F;
    cap.cavity_paint = marrow;
    a.add(cap, 1.3F);
  }
  Organ gap = parts.organ(0, 0, width * 0.8F, 0.03F, 0, fluid, 0.1F);
  a.add(gap, 0.7F);
}

}  // namespace gmiseg::synth
