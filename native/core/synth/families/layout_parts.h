// What several layouts have: spines, ribs, vessels.
#pragma once

#include "synth/families/anatomy.h"

namespace gmiseg::synth {

class Parts {
 public:
  Parts(Anatomy& anatomy, Rng rng) : anatomy_(anatomy), rng_(rng) {}

  // An organ with an outline of its own and usual differences between subjects.
  Organ organ(float x, float y, float rx, float ry, float turn, int paint, float rough);
  // A vessel seen in cross section, perhaps with a wall.
  void tube(float x, float y, float radius, int paint);
  // A vertebra with its canal.
  void spine(float x, float y, float radius);
  // Small vessels, fat and loops of these and other paints wherever there is room.
  void loose(int blood, int muscle);
  // Spots of bone along the envelope.
  void ribs(float reach, int count);

 private:
  Anatomy& anatomy_;
  Rng rng_;
};

}  // namespace gmiseg::synth
