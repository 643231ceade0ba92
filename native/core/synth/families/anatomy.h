// Bodies: organs in a fixed layout, which vary as patients and slice levels do.
#pragma once

#include <vector>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

// Grey values of tissues under one contrast.
struct Tissues {
  float air, fat, muscle, organ, other_organ, fluid, blood, bone, marrow;
  Modality modality;
};
Tissues draw_tissues(Rng rng);

struct Organ {
  Blob blob;
  int paint = 0, label = 0;
  // A wall round a cavity: `wall` is its width, 0 = none.
  float wall = 0;
  int cavity_paint = 0, cavity_label = 0;
  float off = 0;  // how far the cavity lies off centre, in walls
  // Between subjects: deviations of log size, place and outline.
  float size_spread = 0.1F, shift = 0.02F, rough = 0.02F;
  // Along the body: full size at `level`, smaller away from it, and a drift.
  float level = 0, steep = 0, drift_x = 0, drift_y = 0;
  int follows = -1;   // moves and grows with that organ
  bool pair = false;  // a second one on the other side
  int pair_label = 0;
  int sprinkles = 0;  // spots within, anew in every subject: vessels of a lung
  int sprinkle_paint = 0;
  bool clipped = true;  // only over the body and what is in it
};

class Anatomy : public Family {
 public:
  explicit Anatomy(Rng rng);
  void draw(Canvas& canvas, Rng rng) const override;

  static constexpr int kFat = 1, kBody = 2;
  // For the layouts.
  int paint_of(Rng& rng, float value, float spread = 0.03F);
  int new_label() { return next_label_++; }
  // Adds an organ and the targets that it offers; gives its index.
  int add(Organ organ, float weight = 1);

  Tissues tissues{};
  Blob body, flesh;   // the envelope, and what the fat leaves of it
  float fat = 0.05F;  // width of the rim
  std::vector<Organ> organs;
  int clutter = 0;  // loops of bowel and the like, anew in every subject
  float clutter_size = 0.1F, clutter_x = 0, clutter_y = 0, clutter_reach = 0.4F;
  std::vector<int> clutter_paints;
  bool arms = false;
  int streaks = 0;              // seams of fat or muscle, anew in every subject
  bool outside_filled = false;  // a close-up: the body goes beyond the picture

 private:
  void draw_organ(Canvas& canvas, const Organ& organ, const Rng& rng, float level,
                  std::vector<Blob>& placed) const;
  void draw_clutter(Canvas& canvas, Rng rng) const;
  void aim(Rng rng);
  int next_label_ = 3, streak_paint_ = 1;
  float level_spread_ = 1;
};

// Layouts fill a bare anatomy.
void layout_thorax(Anatomy& a, Rng rng);
void layout_abdomen(Anatomy& a, Rng rng);
void layout_heart(Anatomy& a, Rng rng);
void layout_chambers(Anatomy& a, Rng rng);
void layout_pelvis(Anatomy& a, Rng rng);
void layout_limb(Anatomy& a, Rng rng);
void layout_random(Anatomy& a, Rng rng);
void layout_close_up(Anatomy& a, Rng rng);
void layout_spine(Anatomy& a, Rng rng);
void layout_joint(Anatomy& a, Rng rng);

}  // namespace gmiseg::synth
