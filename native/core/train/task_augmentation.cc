#include "train/task_augmentation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace gmiseg::train {

namespace {

using Geometry = TaskAugmentation::Geometry;
using Greys = TaskAugmentation::Greys;

// The recipe's chances and ranges at one of the two levels.
struct Level {
  double elastic, most_alpha, least_sigma;
  double greys, least_contrast, most_contrast;
};
constexpr Level kTask{0.25, 2, 6, 0.5, 0.8, 1.2}, kElement{0.8, 2.5, 7, 0.25, 0.5, 1.5};
constexpr double kAffine = 0.5, kMostSigma = 8;
constexpr double kBrightness = 0.1, kMostNoise = 0.05, kLowestSigma = 0.1, kHighestSigma = 1.1;
constexpr int64_t kFieldSide = 128;  // pixels that the elastic field is defined on

// Every draw happens whatever came out before.
Geometry draw_geometry(const Level& level, double strength, runtime::Rng& rng) {
  Geometry g;
  g.affine = rng.chance(strength * kAffine);
  g.angle = rng.uniform(0, 2 * M_PI);
  g.shift_x = rng.uniform(-0.4, 0.4), g.shift_y = rng.uniform(-0.4, 0.4);
  g.scale = rng.uniform(0.8, 1.1);
  g.elastic = rng.chance(strength * level.elastic);
  g.alpha = rng.uniform(1, level.most_alpha);
  g.sigma = rng.uniform(level.least_sigma, kMostSigma);
  g.seed = rng.seed();
  return g;
}

Greys draw_greys(const Level& level, double strength, runtime::Rng& rng) {
  Greys g;
  const double chance = strength * level.greys;
  const bool bright = rng.chance(chance), blurred = rng.chance(chance), noisy = rng.chance(chance);
  g.brightness_first = rng.chance(0.5);
  g.brightness = rng.uniform(-kBrightness, kBrightness);
  g.contrast = rng.uniform(level.least_contrast, level.most_contrast);
  g.blur = rng.uniform(kLowestSigma, kHighestSigma);
  g.noise_mean = rng.uniform(0, kMostNoise);
  g.noise_deviation = std::sqrt(rng.uniform(0, kMostNoise));
  g.sharper = rng.chance(chance);
  g.seed = rng.seed();
  if (!bright) g.brightness = 0, g.contrast = 1;
  if (!blurred) g.blur = 0;
  if (!noisy) g.noise_mean = g.noise_deviation = 0;
  return g;
}

// [C, 1, H, W] under a Gaussian of this deviation, edges repeated.
at::Tensor smooth(const at::Tensor& x, double sigma, int64_t radius) {
  const auto steps = at::arange(-radius, radius + 1, at::kFloat);
  auto taps = at::exp(steps.square() / (-2 * sigma * sigma));
  taps = taps / taps.sum();
  const auto padded = at::replication_pad2d(x, {radius, radius, radius, radius});
  return at::conv2d(at::conv2d(padded, taps.view({1, 1, 1, -1})), taps.view({1, 1, -1, 1}));
}

// Shifts of [1, H, W, 2], in shares of half a side.
at::Tensor elastic_field(const Geometry& g, int64_t height, int64_t width) {
  auto generator = at::detail::createCPUGenerator(g.seed);
  const auto noise = at::rand({2, 1, kFieldSide, kFieldSide}, generator, at::kFloat) * 2 - 1;
  const auto field = g.alpha * smooth(noise, g.sigma, static_cast<int64_t>(std::ceil(3 * g.sigma)));
  return at::upsample_bilinear2d(field, {height, width}, false).permute({1, 2, 3, 0});
}

// Picture and mask of float32 [C, H, W] where they come to lie; zeros beyond the edges.
at::Tensor moved(const at::Tensor& image, const Geometry& g) {
  const int64_t height = image.size(1), width = image.size(2);
  const double aspect = static_cast<double>(height) / static_cast<double>(width);
  const double c = g.affine ? std::cos(g.angle) / g.scale : 1, s = g.affine ? std::sin(g.angle) / g.scale : 0;
  const double x = g.affine ? g.shift_x : 0, y = g.affine ? g.shift_y : 0;
  const auto theta = at::tensor({c, -s * aspect, x, s / aspect, c, y}).to(at::kFloat).view({1, 2, 3});
  auto grid = at::affine_grid_generator(theta, {1, 1, height, width}, false);
  if (g.elastic) grid = grid + elastic_field(g, height, width);
  constexpr int64_t kBilinear = 0, kZerosOutside = 0;
  return at::grid_sampler(image.unsqueeze(0), grid, kBilinear, kZerosOutside, false).squeeze(0);
}

Element moved(const Element& element, const Geometry& g) {
  if (!g.affine && !g.elastic) return element;
  const auto both = at::cat({element.image.to(at::kFloat), element.mask.unsqueeze(0).to(at::kFloat)});
  const auto out = moved(both, g);
  const int64_t channels = element.image.size(0);
  return {out.narrow(0, 0, channels).round().to(at::kByte), out[channels] >= 0.5};
}

// Greys of float32 [C, H, W] in [0, 1].
at::Tensor changed(at::Tensor x, const Greys& g) {
  const auto contrast = [&] {
    if (g.contrast != 1) x = (x - x.mean()) * g.contrast + x.mean();
  };
  if (!g.brightness_first) contrast();
  x = x + g.brightness;
  if (g.brightness_first) contrast();
  if (g.blur > 0) x = smooth(x.unsqueeze(1), g.blur, 2).squeeze(1);
  if (g.noise_deviation > 0) {
    auto generator = at::detail::createCPUGenerator(g.seed);
    // Of the scanner, not of a colour.
    x = x + g.noise_mean + g.noise_deviation * at::randn({1, x.size(1), x.size(2)}, generator, at::kFloat);
  }
  if (g.sharper) {
    const auto taps = at::tensor({1., 1., 1., 1., 5., 1., 1., 1., 1.}).to(at::kFloat).view({1, 1, 3, 3}) / 13;
    const auto blurred = at::conv2d(at::replication_pad2d(x.unsqueeze(1), {1, 1, 1, 1}), taps).squeeze(1);
    x = 5 * x - 4 * blurred;
  }
  return x.clamp(0, 1);
}

// Where the mask changes; its slopes relative to the steepest.
at::Tensor edge_of(const at::Tensor& mask) {
  const auto across = at::tensor({-1., 0., 1., -2., 0., 2., -1., 0., 1.}).to(at::kFloat).view({1, 1, 3, 3});
  const auto x = at::replication_pad2d(mask.to(at::kFloat).unsqueeze(0).unsqueeze(0), {1, 1, 1, 1});
  const auto slope = at::hypot(at::conv2d(x, across), at::conv2d(x, across.transpose(2, 3))).view_as(mask);
  return slope >= 0.5 * slope.max().clamp_min(1e-6);
}

}  // namespace

TaskAugmentation::TaskAugmentation(double strength, runtime::Rng& rng) : strength_(strength) {
  negative_ = rng.chance(0.5 * strength);
  inverted_ = rng.chance(0.5 * strength);
  edge_ = rng.chance(0.5 * strength);
  geometry_ = draw_geometry(kTask, strength, rng);
  greys_ = draw_greys(kTask, strength, rng);
}

Element TaskAugmentation::operator()(const Element& element, int64_t least, runtime::Rng& rng) const {
  const auto own_geometry = draw_geometry(kElement, strength_, rng);
  const auto own_greys = draw_greys(kElement, strength_, rng);
  auto out = moved(moved(element, geometry_), own_geometry);
  if (out.mask.sum().item<int64_t>() < least) out = element;
  if (edge_) out.mask = edge_of(out.mask);
  if (inverted_) out.mask = out.mask.logical_not();
  auto greys = out.image.to(at::kFloat) / 255;
  if (negative_) greys = 1 - greys;
  greys = changed(changed(greys, greys_), own_greys);
  out.image = (greys * 255).round().to(at::kByte);
  return out;
}

}  // namespace gmiseg::train
