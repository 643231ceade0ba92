#include "synth/acquisition.h"

#include <algorithm>
#include <cmath>

#include "synth/filters.h"

namespace gmiseg::synth {

namespace {

// Streams of a subject's acquisition.
enum Stream : uint64_t { kScalars = 1, kBias, kNoise, kSecondNoise, kSpeckle, kMottle, kStripes, kFrame };

float spread(Rng& rng, float strength) { return strength * rng.uniform(0.5F, 1.3F); }

void multiply(Plane& plane, const Plane& by) {
  for (size_t i = 0; i < plane.size(); ++i) plane[i] *= by[i];
}

Plane gain_field(const Acquisition& task, Rng& rng, const Rng& streams, int64_t size) {
  Plane gain(static_cast<size_t>(size * size));
  const int cells = std::max(1, static_cast<int>(std::lround(task.bias_cells)));
  // The exponential is taken at the nodes: smooth all the same, and cheap.
  Lattice lattice(streams.fork(kBias), cells, cells);
  const float strength = spread(rng, task.bias) * kSplineGain;
  // A coil lies at one side of all subjects, or wherever each of them lay on it.
  const float fall = task.coil_moves ? task.coil * rng.uniform(0, 1.6F) : spread(rng, task.coil);
  const float angle = task.coil_moves ? rng.uniform(0, 6.2832F) : task.anisotropy_down ? 1.5708F : 0;
  const float across = static_cast<float>(cells) / 2 + 1, right = std::cos(angle), down = std::sin(angle);
  for (size_t i = 0; i < lattice.values.size(); ++i) {
    const float row = static_cast<float>(i / static_cast<size_t>(cells + 3)) - across;
    const float column = static_cast<float>(i % static_cast<size_t>(cells + 3)) - across;
    const float distance = (right * column + down * row) * 2 / static_cast<float>(cells);
    lattice.values[i] = std::exp(std::clamp(strength * lattice.values[i] + fall * distance, -1.5F, 1.5F));
  }
  lattice.add_to(gain, size, 1);
  return gain;
}

void vignette(Plane& plane, int64_t size, float strength) {
  const auto n = static_cast<size_t>(size);
  const float step = 2 / static_cast<float>(size);
  for (size_t y = 0; y < n; ++y) {
    const float v = (static_cast<float>(y) + 0.5F) * step - 1;
    for (size_t x = 0; x < n; ++x) {
      const float u = (static_cast<float>(x) + 0.5F) * step - 1;
      plane[y * n + x] *= 1 - strength * 0.5F * (u * u + v * v);
    }
  }
}

void stripe(Plane& plane, int64_t size, float strength, Rng rng) {
  const auto n = static_cast<size_t>(size);
  const bool down = rng.chance(0.5F);
  const auto line = curve(rng.fork(1), static_cast<int>(size), rng.between(10, 60));
  for (size_t y = 0; y < n; ++y) {
    for (size_t x = 0; x < n; ++x) plane[y * n + x] += strength * line[down ? y : x];
  }
}

// Echoes of what lies to the side, as Gibbs ringing or motion leave them.
void ring(Plane& plane, int64_t size, float strength, float period, bool down) {
  const auto n = static_cast<size_t>(size);
  const auto gap = std::max<size_t>(1, static_cast<size_t>(period * static_cast<float>(size)));
  Plane out = plane;
  for (size_t y = 0; y < n; ++y) {
    for (size_t x = 0; x < n; ++x) {
      const size_t at = y * n + x, place = down ? y : x, pitch = down ? n : 1;
      float sum = 0;
      if (place >= gap) sum += plane[at - gap * pitch] - plane[at];
      if (place + gap < n) sum += plane[at + gap * pitch] - plane[at];
      out[at] -= strength * sum;
    }
  }
  plane.swap(out);
}

void apply_gamma(Plane& plane, float low, float high, float gamma) {
  constexpr int kSteps = 512;
  std::array<float, kSteps + 2> table{};
  for (int i = 0; i < kSteps + 2; ++i) {
    table[static_cast<size_t>(i)] = std::pow(static_cast<float>(i) / kSteps, gamma);
  }
  const float scale = kSteps / std::max(1e-6F, high - low);
  for (auto& value : plane) {
    const float place = std::clamp((value - low) * scale, 0.0F, static_cast<float>(kSteps));
    const auto at = static_cast<size_t>(place);
    value = table[at] + (table[at + 1] - table[at]) * (place - static_cast<float>(at));
  }
}

// The values at two percentiles, from every few pixels.
std::pair<float, float> percentiles(const std::array<Plane, 3>& values, int channels, const Plane* inside,
                                    float low, float high) {
  std::vector<float> sample;
  const size_t count = values[0].size(), step = std::max<size_t>(1, count / 3000) | 1;
  for (int c = 0; c < channels; ++c) {
    for (size_t i = 0; i < count; i += step) {
      if (inside == nullptr || (*inside)[i] > 0.5F) sample.push_back(values[static_cast<size_t>(c)][i]);
    }
  }
  if (sample.empty()) return {0.0F, 1.0F};
  const auto at = [&](float share) {
    const auto place =
        static_cast<size_t>(std::clamp(share, 0.0F, 1.0F) * static_cast<float>(sample.size() - 1));
    std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(place), sample.end());
    return sample[place];
  };
  const float bottom = at(low), top = at(high);
  return {bottom, std::max(top, bottom + 1e-3F)};
}

}  // namespace

Plane field_of_view(const Acquisition& task, const Rng& streams, int64_t size) {
  if (task.frame == 0) return {};
  Rng rng = streams.fork(kFrame);
  const auto n = static_cast<size_t>(size);
  Plane inside(n * n, 1);
  const float edge = task.frame_size * rng.uniform(0.97F, 1.03F), sharp = static_cast<float>(size) / 2;
  const float cx = 0.02F * rng.normal(), cy = 0.02F * rng.normal(), other = rng.uniform(0.7F, 1.0F);
  for (size_t y = 0; y < n; ++y) {
    const float v = (static_cast<float>(y) + 0.5F) * 2 / static_cast<float>(size) - 1 - cy;
    for (size_t x = 0; x < n; ++x) {
      const float u = (static_cast<float>(x) + 0.5F) * 2 / static_cast<float>(size) - 1 - cx;
      float distance = 0;
      if (task.frame == 1) {
        distance = edge - std::sqrt(u * u + v * v);
      } else if (task.frame == 2) {
        distance = edge - std::fabs(task.anisotropy_down ? u : v) / other;
      } else {
        // A sector below a probe above the picture.
        const float down = v + 1.5F, radius = std::sqrt(u * u + down * down);
        distance = std::min({2.45F * edge - radius, radius - 0.55F, 0.72F * down - std::fabs(u)});
      }
      inside[y * n + x] = std::clamp(0.5F + distance * sharp, 0.0F, 1.0F);
    }
  }
  return inside;
}

std::vector<uint8_t> acquire(std::array<Plane, 3>& values, int channels, int64_t size,
                             const Acquisition& task, const Plane& inside, const Rng& streams) {
  Rng rng = streams.fork(kScalars);
  const auto planes = static_cast<size_t>(channels);
  const auto n = static_cast<float>(size);
  const float finer = n / 256;

  const float blur = spread(rng, task.blur) * n, pixels = std::max(1.0F, task.anisotropy * finer);
  const Plane gain = task.bias > 0 || task.coil > 0 ? gain_field(task, rng, streams, size) : Plane{};
  const float dim = spread(rng, task.vignette), echo = spread(rng, task.ringing);
  const float echo_period = rng.uniform(0.006F, 0.03F), striped = spread(rng, task.stripes);
  const float noise = spread(rng, task.noise), poisson = spread(rng, task.poisson);
  const float speckle = spread(rng, task.speckle), mottle = spread(rng, task.mottle);
  const bool echo_down = rng.chance(0.5F);
  const float gamma = task.task_gamma * std::exp(task.gamma * rng.normal());
  const float contrast = std::exp(task.contrast * rng.normal()), lift = task.brightness * rng.normal();
  const float low = task.window_low * std::exp(task.window_spread * rng.normal());
  const float high = 1 - (1 - task.window_high) * std::exp(task.window_spread * rng.normal());
  std::array<float, 3> tone{1, 1, 1};
  if (planes == 3) {
    for (auto& value : tone) value = std::exp(task.hue_jitter * rng.normal());
  }
  // Grain is about as strong to the eye at every resolution.
  const float grain = std::sqrt(std::clamp(n / 160, 0.5F, 1.6F));
  const Plane field = mottle > 0 ? fractal(streams.fork(kMottle), size, task.mottle_cells, 1) : Plane{};
  const Plane granules = speckle > 0 ? fractal(streams.fork(kSpeckle), size, 100, 2, 0.8F) : Plane{};

  for (size_t c = 0; c < planes; ++c) {
    Plane& plane = values[c];
    if (blur > 0.15F) gaussian_blur(plane, size, blur);
    if (pixels > 1.2F) thin_out(plane, size, pixels, task.anisotropy_down);
    if (!gain.empty()) multiply(plane, gain);
    if (dim > 0) vignette(plane, size, dim);
    if (echo > 0.01F) ring(plane, size, echo, echo_period, echo_down);
    if (striped > 0) stripe(plane, size, striped, streams.fork(kStripes));
    if (speckle > 0) {
      for (size_t i = 0; i < plane.size(); ++i) plane[i] *= std::max(0.05F, 1 + speckle * granules[i]);
    }
    if (mottle > 0) {
      for (size_t i = 0; i < plane.size(); ++i) plane[i] += mottle * field[i];
    }
    Rng first = streams.fork(kNoise * 8 + c), second = streams.fork(kSecondNoise * 8 + c);
    if (task.rician && noise > 0) {
      for (auto& value : plane) {
        const float real = value + noise * grain * Rng::gauss(first.next());
        const float imaginary = noise * grain * Rng::gauss(second.next());
        value = std::sqrt(real * real + imaginary * imaginary);
      }
    } else if (noise > 0 || poisson > 0) {
      for (auto& value : plane) {
        const float deviation = noise + poisson * std::sqrt(std::max(0.0F, value));
        value += deviation * grain * Rng::gauss(first.next());
      }
    }
    for (auto& value : plane) value = value * contrast * tone[c] + lift;
  }

  auto [bottom, top] = percentiles(values, channels, inside.empty() ? nullptr : &inside, low, high);
  if (task.fixed_window) {
    bottom = 0;
    top = 1;
  }
  for (size_t c = 0; c < planes; ++c) {
    apply_gamma(values[c], bottom, top, gamma);
    if (task.blocks > 0) block_artefacts(values[c], size, task.blocks);
    if (task.invert) {
      for (auto& value : values[c]) value = 1 - value;
    }
    if (!inside.empty()) {
      for (size_t i = 0; i < inside.size(); ++i) {
        values[c][i] = task.frame_value + (values[c][i] - task.frame_value) * inside[i];
      }
    }
  }
  std::vector<uint8_t> image(values[0].size() * planes);
  for (size_t c = 0; c < planes; ++c) {
    for (size_t i = 0; i < values[c].size(); ++i) {
      image[i * planes + c] = static_cast<uint8_t>(std::clamp(values[c][i], 0.0F, 1.0F) * 255 + 0.5F);
    }
  }
  return image;
}

}  // namespace gmiseg::synth
