// What pictures of a modality suffer, drawn for a task.
#include <cmath>

#include "synth/acquisition.h"

namespace gmiseg::synth {

namespace {

// Windows, contrast and scanner differences, which every modality has.
Acquisition common(Rng& rng) {
  Acquisition a;
  a.blur = rng.chance(0.7F) ? rng.log_uniform(0.0008F, 0.008F) : 0;
  a.contrast = rng.uniform(0, 0.15F);
  a.brightness = rng.uniform(0, 0.05F);
  a.gamma = rng.chance(0.7F) ? rng.uniform(0, 0.3F) : 0;
  a.task_gamma = std::exp(0.25F * rng.normal());
  a.bias = 0;
  a.noise = rng.chance(0.85F) ? rng.log_uniform(0.004F, 0.07F) : 0;
  const float window = rng.uniform();
  if (window < 0.55F) {
    a.window_low = 0.005F;
    a.window_high = 0.995F;
  } else if (window < 0.75F) {
    a.window_low = 0;
    a.window_high = 1;
  } else {
    // A window that clips.
    a.window_low = rng.uniform(0, 0.08F);
    a.window_high = 1 - rng.log_uniform(0.003F, 0.08F);
    a.window_spread = rng.uniform(0, 0.6F);
  }
  if (rng.chance(0.05F)) a.blocks = rng.log_uniform(0.3F, 1.5F);
  if (rng.chance(0.06F)) a.stripes = rng.uniform(0.005F, 0.03F);
  return a;
}

}  // namespace

Modality any_modality(Rng& rng, int channels) {
  if (channels == 3) return rng.chance(0.6F) ? Modality::kMicroscopy : Modality::kPhotograph;
  return static_cast<Modality>(rng.below(7));
}

Acquisition draw_acquisition(Rng rng, Modality modality) {
  Acquisition a = common(rng);
  switch (modality) {
    case Modality::kMagnetic:
      a.rician = rng.chance(0.8F);
      a.bias = rng.chance(0.8F) ? rng.log_uniform(0.04F, 0.3F) : 0;
      a.bias_cells = rng.uniform(1, 3);
      if (rng.chance(0.3F)) a.anisotropy = rng.log_uniform(1.5F, 5);
      a.anisotropy_down = rng.chance(0.5F);
      if (rng.chance(0.2F)) a.ringing = rng.uniform(0.02F, 0.12F);
      if (rng.chance(0.5F)) a.coil = rng.log_uniform(0.15F, 0.9F);
      a.coil_moves = rng.chance(0.5F);
      // Without units, scales differ from scan to scan.
      if (rng.chance(0.3F)) a.gamma = rng.uniform(0.2F, 0.5F);
      if (rng.chance(0.3F)) a.window_spread = rng.uniform(0.4F, 1.2F);
      if (rng.chance(0.25F)) a.frame = 2;
      a.frame_size = rng.uniform(0.9F, 1.1F);
      break;
    case Modality::kTomography:
      a.mottle = rng.log_uniform(0.01F, 0.06F);
      a.mottle_cells = rng.uniform(40, 110);
      a.noise *= 0.7F;
      if (rng.chance(0.2F)) a.anisotropy = rng.log_uniform(1.5F, 4);
      a.anisotropy_down = rng.chance(0.5F);
      if (rng.chance(0.25F)) a.frame = 1;
      a.frame_size = rng.uniform(0.95F, 1.2F);
      break;
    case Modality::kUltrasound:
      a.speckle = rng.log_uniform(0.1F, 0.4F);
      a.blur = rng.log_uniform(0.002F, 0.006F);
      a.bias = rng.uniform(0.1F, 0.35F);
      a.bias_cells = rng.uniform(2, 4);
      a.task_gamma = rng.uniform(0.6F, 1.2F);
      if (rng.chance(0.5F)) a.frame = 3;
      break;
    case Modality::kMicroscopy:
      a.bias = rng.chance(0.5F) ? rng.log_uniform(0.02F, 0.15F) : 0;
      a.vignette = rng.chance(0.3F) ? rng.uniform(0.05F, 0.4F) : 0;
      a.noise *= 0.6F;
      a.poisson = rng.chance(0.3F) ? rng.log_uniform(0.01F, 0.1F) : 0;
      a.hue_jitter = rng.uniform(0, 0.05F);
      a.gamma *= 0.6F;
      break;
    case Modality::kElectron:
      a.noise = rng.log_uniform(0.02F, 0.12F);
      a.bias = rng.chance(0.4F) ? rng.log_uniform(0.02F, 0.12F) : 0;
      a.mottle = rng.chance(0.4F) ? rng.log_uniform(0.01F, 0.04F) : 0;
      break;
    case Modality::kXray:
      a.poisson = rng.log_uniform(0.003F, 0.03F);
      a.bias = rng.chance(0.5F) ? rng.log_uniform(0.03F, 0.15F) : 0;
      a.noise *= 0.25F;
      break;
    case Modality::kPhotograph:
      a.vignette = rng.chance(0.6F) ? rng.uniform(0.1F, 0.7F) : 0;
      a.bias = rng.log_uniform(0.04F, 0.25F);
      a.bias_cells = rng.uniform(1, 3);
      a.noise *= 0.4F;
      a.hue_jitter = rng.uniform(0, 0.06F);
      a.gamma *= 0.7F;
      a.window_low = rng.uniform(0, 0.003F);
      break;
  }
  a.invert = rng.chance(0.12F);
  return a;
}

}  // namespace gmiseg::synth
