#include "support/flatten.h"

#include <algorithm>
#include <cmath>

namespace gmiseg::support {

namespace {

constexpr float kMiddle = 128, kLevels = 50;
// Variance of what counts as even: noise of three levels is not made into a pattern.
constexpr float kEven = 9;
constexpr int kPasses = 3;

// Running means of `lines` lines that lie side by side: value i of line l is at i * lines + l.
void mean_along(std::vector<float>& values, std::vector<float>& sums, int64_t length, int64_t lines,
                int64_t radius) {
  std::vector<float> out(values.size());
  std::fill(sums.begin(), sums.begin() + lines, 0.F);
  for (int64_t at = -radius; at < length; ++at) {
    const int64_t in = at + radius, gone = at - radius - 1;
    for (int64_t l = 0; in < length && l < lines; ++l) sums[l] += values[in * lines + l];
    for (int64_t l = 0; gone >= 0 && l < lines; ++l) sums[l] -= values[gone * lines + l];
    if (at < 0) continue;
    const int64_t first = std::max<int64_t>(0, at - radius), last = std::min(length - 1, in);
    const float share = 1.F / static_cast<float>(last - first + 1);
    for (int64_t l = 0; l < lines; ++l) out[at * lines + l] = sums[l] * share;
  }
  values.swap(out);
}

std::vector<float> transposed(const std::vector<float>& values, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = 32;
  std::vector<float> out(values.size());
  for (int64_t y = 0; y < rows; y += kBlock) {
    for (int64_t x = 0; x < columns; x += kBlock) {
      for (int64_t v = y; v < std::min(rows, y + kBlock); ++v) {
        for (int64_t u = x; u < std::min(columns, x + kBlock); ++u)
          out[u * rows + v] = values[v * columns + u];
      }
    }
  }
  return out;
}

// The mean of every pixel's surroundings.
std::vector<float> surroundings(std::vector<float> values, int64_t height, int64_t width, int64_t radius) {
  std::vector<float> sums(std::max(height, width));
  for (int pass = 0; pass < kPasses; ++pass) mean_along(values, sums, height, width, radius);
  values = transposed(values, height, width);
  for (int pass = 0; pass < kPasses; ++pass) mean_along(values, sums, width, height, radius);
  return transposed(values, width, height);
}

float value_of(const uint8_t* pixel, int64_t channels, int64_t channel) {
  if (channels == 1) return pixel[0];
  if (channel >= 0) return pixel[channel];
  return 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2];
}

}  // namespace

std::vector<uint8_t> flatten(const uint8_t* pixels, int64_t height, int64_t width, int64_t channels,
                             int64_t channel, int64_t radius) {
  const int64_t count = height * width;
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) values[i] = value_of(pixels + i * channels, channels, channel);
  const auto mean = surroundings(values, height, width, radius);
  std::vector<float> away(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] -= mean[i];
    away[i] = values[i] * values[i];
  }
  const auto variance = surroundings(std::move(away), height, width, radius);
  std::vector<uint8_t> out(count);
  for (int64_t i = 0; i < count; ++i) {
    const float level = kMiddle + kLevels * values[i] / std::sqrt(std::max(0.F, variance[i]) + kEven);
    out[i] = static_cast<uint8_t>(std::lround(std::clamp(level, 0.F, 255.F)));
  }
  return out;
}

}  // namespace gmiseg::support
