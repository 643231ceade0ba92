#include "synth/families/layout_parts.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::synth {

Organ Parts::organ(float x, float y, float rx, float ry, float turn, int paint, float rough) {
  Organ organ;
  // The task's own anatomy: nothing lies quite where the layout says.
  organ.blob.x = x + 0.025F * rng_.normal();
  organ.blob.y = y + 0.025F * rng_.normal();
  organ.blob.rx = rx * std::exp(0.15F * rng_.normal());
  organ.blob.ry = ry * std::exp(0.15F * rng_.normal());
  organ.blob.turn = turn;
  organ.blob.roughen(rng_, rough);
  organ.paint = paint;
  organ.size_spread = rng_.log_uniform(0.04F, 0.25F);
  organ.shift = rng_.log_uniform(0.006F, 0.04F);
  organ.rough = rng_.log_uniform(0.008F, 0.05F);
  organ.level = rng_.uniform(-0.6F, 0.6F);
  organ.steep = rng_.chance(0.5F) ? rng_.uniform(0, 0.7F) : 0;
  organ.drift_x = 0.03F * rng_.normal();
  organ.drift_y = 0.03F * rng_.normal();
  return organ;
}

void Parts::tube(float x, float y, float radius, int paint) {
  Organ vessel = organ(x, y, radius, radius * rng_.uniform(0.8F, 1.1F), 0, paint, 0.03F);
  vessel.steep = 0;
  vessel.size_spread = rng_.uniform(0.08F, 0.25F);
  if (rng_.chance(0.3F)) {
    vessel.cavity_paint = paint;
    vessel.paint = anatomy_.paint_of(rng_, anatomy_.tissues.muscle, 0.1F);
    vessel.wall = radius * rng_.uniform(0.15F, 0.4F);
  }
  anatomy_.add(vessel, 1.2F);
}

void Parts::spine(float x, float y, float radius) {
  const Tissues& t = anatomy_.tissues;
  const int bone = anatomy_.paint_of(rng_, t.bone), marrow = anatomy_.paint_of(rng_, t.marrow);
  // Arch and processes, then the body, then the canal.
  Organ arch = organ(x, y + radius * 1.35F, radius * 0.9F, radius * 0.85F, 0, bone, 0.22F);
  arch.blob.cosine[1] += 0.2F;
  arch.steep = 0;
  anatomy_.add(arch, 0.5F);
  Organ centre = organ(x, y, radius, radius * 0.8F, 0, bone, 0.05F);
  centre.wall = radius * rng_.uniform(0.1F, 0.3F);
  centre.cavity_paint = marrow;
  centre.steep = 0;
  anatomy_.add(centre, 0.8F);
  Organ canal =
      organ(x, y + radius * 1.1F, radius * 0.35F, radius * 0.3F, 0, anatomy_.paint_of(rng_, t.fluid), 0.05F);
  canal.steep = 0;
  if (rng_.chance(0.5F)) {
    canal.wall = radius * 0.12F;
    canal.cavity_paint = anatomy_.paint_of(rng_, t.organ, 0.08F);
  }
  anatomy_.add(canal, 0.8F);
}

void Parts::loose(int blood, int muscle) {
  anatomy_.clutter = rng_.between(0, 28);
  anatomy_.clutter_size = rng_.log_uniform(0.015F, 0.08F);
  anatomy_.clutter_y = rng_.uniform(-0.1F, 0.3F);
  anatomy_.clutter_reach = rng_.uniform(0.4F, 0.8F);
  anatomy_.clutter_paints = {blood, muscle, 1, anatomy_.paint_of(rng_, anatomy_.tissues.organ, 0.06F)};
}

void Parts::ribs(float reach, int count) {
  const int bone = anatomy_.paint_of(rng_, anatomy_.tissues.bone);
  const int label = anatomy_.new_label();
  const float rx = anatomy_.body.rx * reach - anatomy_.fat, ry = anatomy_.body.ry * reach - anatomy_.fat;
  for (int k = 0; k < count; ++k) {
    const float angle =
        -1.2F + 2.6F * (static_cast<float>(k) + rng_.uniform(0, 0.6F)) / static_cast<float>(count);
    Organ rib = organ(-rx * std::cos(angle), ry * std::sin(angle), 0.03F, 0.05F, 0, bone, 0.05F);
    rib.blob.turn = std::atan2(rx * std::sin(angle), ry * std::cos(angle)) * -1;
    rib.label = label;
    rib.pair = true;
    rib.shift = 0.02F;
    rib.steep = 0;
    anatomy_.organs.push_back(rib);
  }
  anatomy_.targets.push_back({"bones", labels_of({label}), 0.8F});
}

}  // namespace gmiseg::synth
