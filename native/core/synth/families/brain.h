// A head cut across: scalp, skull, folded cortex, white matter, deep nuclei, ventricles.
#pragma once

#include "synth/canvas.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

enum HeadLabel : int { kOutside, kSkull, kBrainFluid, kGrey, kWhite, kFluid, kNuclei };
// The first paints of a look that has a head.
enum HeadPaint : int {
  kPaintOutside,
  kPaintSkin,
  kPaintBone,
  kPaintFluid,
  kPaintGrey,
  kPaintWhite,
  kPaintNuclei,
  kHeadPaints
};

// A task's brain: where in the head the slice lies, and whose heads these are.
struct Brain {
  float width = 0.7F, height = 0.85F, scalp = 0.03F, bone = 0.04F, fluid = 0.02F;
  float cortex = 0.1F, fold_depth = 0.04F, groove = 0.01F, folds = 10;
  Blob front, back, inner, outer;  // ventricles' horns and nuclei of the left side
  bool back_horns = true, third = true, split = true;
};

Brain draw_brain(Rng& draw);
void paint_brain(Canvas& canvas, const Brain& task, Rng rng);

}  // namespace gmiseg::synth
