// A kind of picture. A family object is one task's world: drawn once, it then
// paints any number of subjects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "synth/acquisition.h"
#include "synth/canvas.h"
#include "synth/look.h"
#include "synth/rng.h"
#include "synth/view.h"

namespace gmiseg::synth {

// Something that a task may ask for.
struct Target {
  std::string kind;
  Labels labels{};
  float weight = 1;
};

class Family {
 public:
  virtual ~Family() = default;
  // Paints a subject. Thread-safe, a function of the canvas' size and the stream alone.
  virtual void draw(Canvas& canvas, Rng rng) const = 0;

  std::string name;
  bool aligned = false;
  Look look;
  ViewSpec view;
  Modality modality = Modality::kMagnetic;
  int frame = -1;  // the acquisition's field of view, where the family knows it
  std::vector<Target> targets;

 protected:
  int add_paint(const Paint& paint) {
    look.paints.push_back(paint);
    return static_cast<int>(look.paints.size()) - 1;
  }
  void add_target(std::string kind, std::initializer_list<int> labels, float weight = 1) {
    targets.push_back({std::move(kind), labels_of(labels), weight});
  }
};

using FamilyPtr = std::unique_ptr<Family>;

FamilyPtr make_noise_label(Rng rng);
FamilyPtr make_anatomy(Rng rng);
FamilyPtr make_cells(Rng rng);
FamilyPtr make_membranes(Rng rng);
FamilyPtr make_vessels(Rng rng);
FamilyPtr make_lesions(Rng rng);
FamilyPtr make_texture_regions(Rng rng);
FamilyPtr make_parts(Rng rng);
FamilyPtr make_layers(Rng rng);
FamilyPtr make_superposition(Rng rng);
FamilyPtr make_glands(Rng rng);
FamilyPtr make_mucosa(Rng rng);

// A family of the kind that `draw` picks, by the mixture's weights.
FamilyPtr make_family(Rng draw, Rng rng);

}  // namespace gmiseg::synth
