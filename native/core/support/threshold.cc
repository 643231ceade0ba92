// A band of one channel: on some stains and sequences nothing beats it.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/error.h"
#include "support/engine.h"

namespace gmiseg::support {

namespace {

constexpr int64_t kLevels = 256;
// Smoothing before the threshold, as a share of the longer side; 0 = none.
constexpr std::array<double, 3> kSmoothing = {0, 1.0 / 256, 1.0 / 96};
// Shares of the pixels that become black and white where each picture is stretched by itself: stains and
// gains differ from picture to picture, and what is dark in one is what is dark for it.
constexpr double kBlack = 0.005, kWhite = 0.995;
// Greys up to here surround the body; the level that the median of the others becomes.
constexpr double kSurroundings = 5, kMedianLevel = 64;
// Grey levels over which certainty grows at a band's edge.
constexpr double kSoftness = 6;
// How a picture's greys become levels; "any" is what fits the examples best.
constexpr const char* kScaleNames[] = {"given", "stretched", "relative"};
constexpr const char* kChannelNames[] = {"grey",      "red",      "green",     "blue",
                                         "red-green", "blue-red", "saturation"};

// Channel `index` of kChannelNames, [H, W] float32 in 0 .. 255. Grey pictures have the first alone.
at::Tensor channel(const at::Tensor& pixels, int64_t index) {
  const auto x = pixels.to(at::kFloat);
  if (index == 0) return x.mean(0);
  if (index <= 3) return x[index - 1];
  if (index == 4) return (x[0] - x[1]) / 2 + 127.5;
  if (index == 5) return (x[2] - x[0]) / 2 + 127.5;
  return std::get<0>(x.max(0)) - std::get<0>(x.min(0));
}

at::Tensor smooth(const at::Tensor& x, double share) {
  if (share == 0) return x;
  const double sigma = share * static_cast<double>(std::max(x.size(0), x.size(1)));
  const auto radius = static_cast<int64_t>(std::ceil(2.5 * sigma));
  const auto at_offset = at::arange(-radius, radius + 1, at::kFloat);
  auto kernel = at::exp(-at_offset.square() / (2 * sigma * sigma));
  kernel = kernel / kernel.sum();
  auto y = x.unsqueeze(0).unsqueeze(0);
  y = at::replication_pad2d(y, {radius, radius, radius, radius});
  y = at::conv2d(y, kernel.view({1, 1, 1, -1}));
  return at::conv2d(y, kernel.view({1, 1, -1, 1})).squeeze(0).squeeze(0);
}

at::Tensor stretched(const at::Tensor& x) {
  const auto counts = at::bincount(x.round().clamp(0, kLevels - 1).to(at::kLong).flatten(), {}, kLevels);
  const auto below = counts.cumsum(0).to(at::kDouble) / static_cast<double>(x.numel());
  const auto level = [&](double share) { return below.lt(share).sum().item<double>(); };
  const double black = level(kBlack), white = level(kWhite);
  return (x - black) * ((kLevels - 1) / std::max(1.0, white - black));
}

// Relative to what most of the picture is, black surroundings left out: the greys of magnetic resonance have
// no unit, but a tissue stays darker or brighter than the others by about the same factor.
at::Tensor relative(const at::Tensor& x) {
  const auto shown = x.masked_select(x > kSurroundings);
  const double median = shown.numel() > 0 ? std::max(1.0, shown.median().item<double>()) : kMedianLevel;
  return x * (kMedianLevel / median);
}

at::Tensor scaled(const at::Tensor& x, int64_t scale) {
  return scale == 1 ? stretched(x) : scale == 2 ? relative(x) : x;
}

// What a band's levels are levels of.
at::Tensor levels_of(const at::Tensor& pixels, int64_t index, int64_t smoothing, int64_t scale) {
  return scaled(smooth(channel(pixels, index), kSmoothing[static_cast<size_t>(smoothing)]), scale);
}

struct Band {
  int64_t channel = 0, smoothing = 0, low = 0, high = kLevels - 1, scale = 0;
  double dice = -1;
};

class Threshold : public Engine {
 public:
  explicit Threshold(Band band) : band_(band) {}

  at::Tensor probability(const Seen& query, const sam::Prompts&, const Progress&) const override {
    const auto x =
        levels_of(query.pixels, query.pixels.size(0) == 1 ? 0 : band_.channel, band_.smoothing, band_.scale);
    // Half way between two levels, so that the edge levels themselves belong to the band. An end of the scale
    // is no edge.
    constexpr double kFar = 1000;
    const double low = band_.low == 0 ? -kFar : static_cast<double>(band_.low) - 0.5;
    const double high = band_.high == kLevels - 1 ? kFar : static_cast<double>(band_.high) + 0.5;
    return at::sigmoid(at::minimum(x - low, high - x) / kSoftness);
  }
  io::NamedTensors tensors() const override {
    return {{"band", at::tensor({band_.channel, band_.smoothing, band_.low, band_.high, band_.scale})}};
  }
  io::Json describe() const override {
    io::Json json;
    json.set("channel", kChannelNames[band_.channel]);
    json.set("smoothing", kSmoothing[static_cast<size_t>(band_.smoothing)]);
    json.set("scale", kScaleNames[band_.scale]);
    json.set("low", band_.low);
    json.set("high", band_.high);
    return json;
  }

 private:
  const Band band_;
};

// Pixels below or at each level, in and off the mask.
struct Sums {
  std::array<double, kLevels + 1> inside{}, outside{};
  double total = 0;
};

Sums count(const at::Tensor& levels, const at::Tensor& mask) {
  Sums out;
  const auto x = levels.round().clamp(0, kLevels - 1).to(at::kLong).contiguous();
  const auto m = mask.contiguous();
  const auto* value = x.const_data_ptr<int64_t>();
  const auto* in = m.const_data_ptr<bool>();
  std::array<double, kLevels> inside{}, outside{};
  for (int64_t i = 0; i < x.numel(); ++i) (in[i] ? inside : outside)[static_cast<size_t>(value[i])] += 1;
  for (size_t i = 0; i < kLevels; ++i) {
    out.inside[i + 1] = out.inside[i] + inside[i];
    out.outside[i + 1] = out.outside[i] + outside[i];
  }
  out.total = out.inside[kLevels];
  return out;
}

}  // namespace

struct Seen::Counted {
  at::Tensor mask;
  // By channel, smoothing and scale.
  std::vector<std::array<std::array<Sums, std::size(kScaleNames)>, kSmoothing.size()>> sums;
};

namespace {

// Leaving one out asks for the same counts again and again, and they cost more than all that is done with
// them.
std::shared_ptr<const Seen::Counted> counted_of(const Example& example) {
  const auto& known = example.image->counted;
  if (known && at::equal(known->mask, example.mask)) return known;
  auto out = std::make_shared<Seen::Counted>();
  out->mask = example.mask;
  out->sums.resize(example.image->pixels.size(0) == 3 ? std::size(kChannelNames) : 1);
  for (size_t c = 0; c < out->sums.size(); ++c) {
    const auto plain = channel(example.image->pixels, static_cast<int64_t>(c));
    for (size_t s = 0; s < kSmoothing.size(); ++s) {
      const auto x = smooth(plain, kSmoothing[s]);
      for (size_t scale = 0; scale < std::size(kScaleNames); ++scale)
        out->sums[c][s][scale] = count(scaled(x, static_cast<int64_t>(scale)), example.mask);
    }
  }
  example.image->counted = out;
  return out;
}

// Mean Dice of a band over the examples.
double dice_of(const std::vector<const Sums*>& examples, int64_t low, int64_t high) {
  double sum = 0;
  for (const auto* example : examples) {
    const auto& s = *example;
    const double both = s.inside[high + 1] - s.inside[low];
    const double predicted = both + s.outside[high + 1] - s.outside[low];
    const double below = predicted + s.total;
    sum += below > 0 ? 2 * both / below : 1;
  }
  return sum / static_cast<double>(examples.size());
}

// The best band: coarse steps over all, then single levels round the best.
void search(const std::vector<const Sums*>& examples, Band& band, int64_t channel, int64_t smoothing,
            int64_t scale) {
  const auto consider = [&](int64_t low, int64_t high) {
    if (low < 0 || high >= kLevels || low > high) return;
    const double dice = dice_of(examples, low, high);
    if (dice > band.dice) band = {channel, smoothing, low, high, scale, dice};
  };
  constexpr int64_t kStep = 4;
  Band before = band;
  band.dice = -1;
  for (int64_t low = 0; low < kLevels; low += kStep) {
    for (int64_t high = low + kStep - 1; high < kLevels; high += kStep) consider(low, high);
  }
  const Band coarse = band;
  for (int64_t low = coarse.low - kStep; low <= coarse.low + kStep; ++low) {
    for (int64_t high = coarse.high - kStep; high <= coarse.high + kStep; ++high) consider(low, high);
  }
  if (before.dice >= band.dice) band = before;
}

}  // namespace

std::unique_ptr<Engine> fit_threshold(const std::vector<Example>& examples, const FitOptions& options) {
  // Colours only where all examples have them.
  const bool colour = std::all_of(examples.begin(), examples.end(),
                                  [](const Example& e) { return e.image->pixels.size(0) == 3; });
  std::vector<std::shared_ptr<const Seen::Counted>> counted;
  for (const auto& example : examples) counted.push_back(counted_of(example));
  Band best;
  for (size_t c = 0; c < (colour ? std::size(kChannelNames) : 1); ++c) {
    for (size_t s = 0; s < kSmoothing.size(); ++s) {
      for (size_t scale = 0; scale < std::size(kScaleNames); ++scale) {
        if (options.scale != "any" && options.scale != kScaleNames[scale]) continue;
        std::vector<const Sums*> sums;
        for (const auto& each : counted) sums.push_back(&each->sums[c][s][scale]);
        search(sums, best, static_cast<int64_t>(c), static_cast<int64_t>(s), static_cast<int64_t>(scale));
      }
    }
  }
  return std::make_unique<Threshold>(best);
}

std::unique_ptr<Engine> restore_threshold(const io::NamedTensors& tensors) {
  if (tensors.size() != 1 || tensors[0].second.numel() != 5)
    throw Error(ErrorCode::kCheckpointFormat, "The task file holds no threshold.");
  const auto values = tensors[0].second.to(at::kLong).contiguous();
  const auto* v = values.const_data_ptr<int64_t>();
  const auto between = [](int64_t x, int64_t high) { return std::clamp<int64_t>(x, 0, high); };
  return std::make_unique<Threshold>(Band{between(v[0], 6), between(v[1], 2), between(v[2], kLevels - 1),
                                          between(v[3], kLevels - 1), between(v[4], 2), 0});
}

}  // namespace gmiseg::support
