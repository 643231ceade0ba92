// Where the pixels of one subject's picture lie in the task's own frame: the
// square [-1, 1]^2 that the anatomy or the field of cells is laid out in.
#pragma once

#include <cstdint>

#include "synth/noise.h"
#include "synth/rng.h"

namespace gmiseg::synth {

// How far subjects of a task differ in pose. Lengths are in the task's frame.
struct ViewSpec {
  float turn = 0, zoom = 1, aspect = 1;  // of the whole task
  bool flip = false;
  float centre_x = 0, centre_y = 0;  // what lies in the middle of the picture
  float subject_turn = 0.1F, subject_zoom = 0.08F, subject_shift = 0.06F,
        subject_aspect = 0.04F;  // deviations
  float warp = 0.6F;             // 0 .. 1, of the most that cannot fold
  float warp_cells = 3;          // of the coarsest displacement field
  bool any_turn = false;         // subjects are turned and mirrored at will (unaligned)
};

// A pose that leaves the subjects of a task comparable; one by which a place is a hint and no more, as where
// each patient lies as they lie; and one by which places say nothing.
ViewSpec aligned_view(Rng rng);
ViewSpec loose_view(Rng rng);
ViewSpec unaligned_view(Rng rng);

struct View {
  Plane x, y;       // [size, size]: the place of each pixel
  float pixel = 0;  // a pixel's side
};

View make_view(const ViewSpec& spec, Rng rng, int64_t size);

// The share of pixels at which the map from picture to frame folds.
double folded_share(const View& view, int64_t size);

}  // namespace gmiseg::synth
