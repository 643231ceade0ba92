// How often each family is drawn.
#include "synth/family.h"

namespace gmiseg::synth {

FamilyPtr make_family(Rng draw, Rng rng) {
  struct Entry {
    FamilyPtr (*make)(Rng);
    float weight;
  };
  static constexpr Entry kMixture[] = {
      {make_anatomy, 0.4F},  {make_noise_label, 0.08F},     {make_lesions, 0.1F}, {make_layers, 0.06F},
      {make_parts, 0.04F},   {make_superposition, 0.07F},   {make_cells, 0.09F},  {make_membranes, 0.06F},
      {make_vessels, 0.07F}, {make_texture_regions, 0.04F}, {make_glands, 0.03F}, {make_mucosa, 0.03F}};
  float total = 0;
  for (const auto& entry : kMixture) total += entry.weight;
  float at = draw.uniform() * total;
  for (const auto& entry : kMixture) {
    at -= entry.weight;
    if (at < 0) return entry.make(rng);
  }
  return make_anatomy(rng);
}

}  // namespace gmiseg::synth
