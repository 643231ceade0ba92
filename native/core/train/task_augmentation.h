// What UniverSeg's recipe does to the pictures of a task: part of it to all of them alike, which makes
// another task of it, and part to each on its own.
#pragma once

#include "runtime/rng.h"
#include "train/element.h"

namespace gmiseg::train {

// Chances and ranges as published: task-level negatives .5, inverted mask .5, mask's edge .5; both levels
// affine, brightness and contrast, elastic, blur, noise, sharpness. Each chance is multiplied by `strength`,
// 0 .. 1.
class TaskAugmentation {
 public:
  // Draws what all elements share.
  TaskAugmentation(double strength, runtime::Rng& rng);
  // Geometry acts on picture and mask, the rest on one of them. Where fewer than `least` pixels would be left
  // of the mask, the element stays where it is.
  Element operator()(const Element& element, int64_t least, runtime::Rng& rng) const;

  struct Geometry {
    bool affine = false, elastic = false;
    double angle = 0, shift_x = 0, shift_y = 0, scale = 1;  // radians; shares of half a side
    double alpha = 0, sigma = 0;                            // pixels of 128
    uint64_t seed = 0;                                      // of the elastic field
  };
  struct Greys {
    bool brightness_first = false;
    double brightness = 0, contrast = 1;
    double blur = 0;  // deviation in pixels
    double noise_mean = 0, noise_deviation = 0;
    bool sharper = false;
    uint64_t seed = 0;  // of the noise
  };

 private:
  const double strength_;
  bool negative_ = false, inverted_ = false, edge_ = false;
  Geometry geometry_;
  Greys greys_;
};

}  // namespace gmiseg::train
