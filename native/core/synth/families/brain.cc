#include "synth/families/brain.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::synth {

namespace {

Blob varied(Blob blob, Rng& rng, float spread) {
  blob.rx *= std::exp(spread * rng.normal());
  blob.ry *= std::exp(0.6F * spread * rng.normal());
  blob.x += 0.012F * rng.normal();
  blob.y += 0.02F * rng.normal();
  for (auto& term : blob.cosine) term += 0.02F * rng.normal();
  return blob;
}

}  // namespace

Brain draw_brain(Rng& draw) {
  Brain brain;
  brain.folds = draw.uniform(7, 15);
  brain.width = draw.uniform(0.62F, 0.82F);
  brain.height = brain.width * draw.uniform(1.0F, 1.3F);
  brain.scalp = draw.log_uniform(0.015F, 0.05F);
  brain.bone = draw.log_uniform(0.02F, 0.07F);
  brain.fluid = draw.log_uniform(0.005F, 0.04F);
  brain.cortex = draw.uniform(0.06F, 0.13F);
  brain.fold_depth = draw.uniform(0.02F, 0.06F);
  brain.groove = draw.uniform(0.004F, 0.016F);
  const auto place = [&](float x, float y, float rx, float ry, float turn, float rough) {
    Blob blob;
    blob.x = x * std::exp(0.2F * draw.normal());
    blob.y = y + 0.06F * draw.normal();
    blob.rx = rx * std::exp(0.3F * draw.normal());
    blob.ry = ry * std::exp(0.25F * draw.normal());
    blob.turn = turn + 0.25F * draw.normal();
    blob.roughen(draw, rough);
    return blob;
  };
  brain.front = place(0.1F, -0.2F, 0.05F, 0.16F, 0.3F, 0.16F);
  brain.back = place(0.15F, 0.3F, 0.05F, 0.15F, -0.35F, 0.16F);
  brain.inner = place(0.17F, 0.08F, 0.09F, 0.15F, 0.3F, 0.08F);
  brain.outer = place(0.31F, 0.0F, 0.06F, 0.17F, 0.2F, 0.1F);
  brain.back_horns = draw.chance(0.7F);
  brain.third = draw.chance(0.6F);
  brain.split = draw.chance(0.85F);
  return brain;
}

void paint_brain(Canvas& canvas, const Brain& task, Rng rng) {
  Blob head;
  head.rx = task.width * std::exp(0.04F * rng.normal());
  head.ry = task.height * std::exp(0.04F * rng.normal());
  head.roughen(rng, 0.02F);
  const float bone = task.scalp + task.bone * std::exp(0.15F * rng.normal());
  paint_blob(canvas, head, kPaintSkin, kSkull);
  paint_blob(canvas, head.shrunk(task.scalp), kPaintBone, kSkull);
  paint_blob(canvas, head.shrunk(bone), kPaintFluid, kBrainFluid);
  const Blob brain = head.shrunk(bone + task.fluid * std::exp(0.4F * rng.normal()));
  const Plane fold = fractal(rng.fork(1), canvas.size(), task.folds, 1);
  const auto surface = brain.field();
  paint_blob(canvas, brain, kPaintGrey, kGrey);
  // White matter reaches into the folds; furrows run in from the surface, where the field crosses zero.
  const float cortex = task.cortex, depth = task.fold_depth, groove = task.groove;
  canvas.paint(brain.box(), kPaintWhite, kWhite,
               [&, surface](float x, float y, size_t i) { return surface(x, y) - cortex + depth * fold[i]; });
  canvas.paint(brain.box(), kPaintFluid, kBrainFluid, [&, surface](float x, float y, size_t i) {
    const float inside = surface(x, y), line = groove - 0.06F * std::fabs(fold[i] + 0.3F);
    return std::min(std::min(line, cortex + 0.01F - inside), inside);
  });
  const Labels any = labels_of({kGrey, kWhite});
  if (task.split) {
    const Stroke gap{0, -1, 0.008F, 0, -0.4F, 0.005F}, gap_back{0, 0.45F, 0.005F, 0, 1, 0.008F};
    canvas.paint(gap.box(), kPaintFluid, kBrainFluid, gap, &any);
    canvas.paint(gap_back.box(), kPaintFluid, kBrainFluid, gap_back, &any);
  }
  // Ventricles widen with age: by far the most variable part.
  const float wide = std::exp(0.35F * rng.normal());
  Blob inner = varied(task.inner, rng, 0.08F), outer = varied(task.outer, rng, 0.1F);
  Blob front = varied(task.front, rng, 0.12F), back = varied(task.back, rng, 0.2F);
  front.rx *= wide;
  back.rx *= wide;
  front.x *= std::sqrt(wide);
  for (int side = 0; side < 2; ++side) {
    const auto turned = [&](const Blob& blob) {
      return varied(side == 0 ? blob : blob.mirrored(), rng, 0.04F);
    };
    paint_blob(canvas, turned(inner), kPaintNuclei, kNuclei, &any);
    paint_blob(canvas, turned(outer), kPaintNuclei, kNuclei, &any);
    paint_blob(canvas, turned(front), kPaintFluid, kFluid);
    if (task.back_horns) paint_blob(canvas, turned(back), kPaintFluid, kFluid);
  }
  if (task.third) {
    const Stroke third{0, -0.02F, 0.012F * wide, 0, 0.14F, 0.01F * wide};
    canvas.paint(third.box(), kPaintFluid, kFluid, third);
  }
}

}  // namespace gmiseg::synth
