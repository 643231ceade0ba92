// What a scanner, a microscope or a camera does to a picture, down to 8 bits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "synth/noise.h"
#include "synth/rng.h"

namespace gmiseg::synth {

// Strengths of a task; subjects draw around them. Lengths are shares of the side.
struct Acquisition {
  float blur = 0.002F;   // deviation of the point spread
  float anisotropy = 1;  // pixels averaged along one axis at 256
  bool anisotropy_down = false;
  float bias = 0.1F, bias_cells = 2;  // deviation of the log gain
  float coil = 0;                     // how fast the signal falls from one side to the other
  bool coil_moves = false;            // to another side, and more or less, in each subject
  float contrast = 0.1F, brightness = 0.05F, gamma = 0.15F;  // deviations between subjects
  float task_gamma = 1;
  float noise = 0.02F;  // additive; Rician where so
  bool rician = false;
  float poisson = 0, speckle = 0, mottle = 0;  // signal-dependent, multiplicative, correlated
  float mottle_cells = 60;
  float stripes = 0, ringing = 0;
  float vignette = 0;
  int frame = 0;  // 0 none, 1 circle, 2 black bars, 3 fan (ultrasound)
  float frame_size = 0.97F, frame_value = 0;
  float window_low = 0.005F, window_high = 0.995F;  // percentiles that become black and white
  float window_spread = 0;                          // deviation of those between subjects
  bool fixed_window = false;                        // [0, 1] instead
  float blocks = 0;                                 // strength of JPEG's blockiness
  bool invert = false;
  float hue_jitter = 0;  // of the channels' gains
};

enum class Modality { kMagnetic, kTomography, kUltrasound, kMicroscopy, kElectron, kXray, kPhotograph };

Acquisition draw_acquisition(Rng rng, Modality modality);
// Any, of those with so many channels.
Modality any_modality(Rng& rng, int channels);

// How much of each pixel lies in the field of view of a subject, 0 .. 1; empty: all of it.
Plane field_of_view(const Acquisition& task, const Rng& streams, int64_t size);

// values: one or three planes about [0, 1]; returns [size, size, channels].
std::vector<uint8_t> acquire(std::array<Plane, 3>& values, int channels, int64_t size,
                             const Acquisition& task, const Plane& inside, const Rng& streams);

}  // namespace gmiseg::synth
