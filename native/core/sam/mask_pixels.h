// From low-resolution logits to masks on a picture's pixels in one pass: what lies between is never written.
#pragma once

#include <ATen/core/Tensor.h>

#include "sam/transforms.h"

namespace gmiseg::sam {

// low_res: [P, M, low, low] on the CPU. Writes masks [P, M, height, width], 1 where postprocess() is above 0,
// and stability [P, M], stability_score() of the same; either may be null. Not for Preprocessing::kMedSam.
void write_masks(const at::Tensor& low_res, const Frame& frame, uint8_t* masks, float* stability);

}  // namespace gmiseg::sam
