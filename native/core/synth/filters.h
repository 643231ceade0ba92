// Filters on planes and masks.
#pragma once

#include <cstdint>
#include <vector>

#include "synth/noise.h"

namespace gmiseg::synth {

// deviation in pixels, borders repeated
void gaussian_blur(Plane& plane, int64_t size, float deviation);
// Averages runs of `factor` pixels along one axis and draws lines between the means.
void thin_out(Plane& plane, int64_t size, float factor, bool down);
// JPEG's loss: the 8 x 8 cosine transform, coarsely rounded. Values in [0, 1].
void block_artefacts(Plane& plane, int64_t size, float strength);
// The pixels within `radius` of a border of the mask, half inside and half outside.
std::vector<uint8_t> mask_border(const std::vector<uint8_t>& mask, int64_t size, float radius);

}  // namespace gmiseg::synth
