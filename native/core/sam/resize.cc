#include "sam/resize.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace gmiseg::sam {

namespace {

// Fixed point: 8 bits of pixel and 2 of headroom beside the weight's fraction.
constexpr int kBits = 32 - 8 - 2;

// Which input pixels make an output pixel, and by what weights.
struct Taps {
  int64_t size = 0;              // weights an output pixel, padded with zeros
  std::vector<int64_t> first;    // first input pixel
  std::vector<int64_t> count;    // pixels in use
  std::vector<int32_t> weights;  // [out, size], fixed point
};

Taps make_taps(int64_t in, int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);  // the triangle widens when the image shrinks
  Taps taps;
  taps.size = static_cast<int64_t>(std::ceil(stretch)) * 2 + 1;
  taps.weights.assign(static_cast<size_t>(out * taps.size), 0);
  std::vector<double> row(static_cast<size_t>(taps.size));
  for (int64_t o = 0; o < out; ++o) {
    const double center = (static_cast<double>(o) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(center - stretch + 0.5));
    const auto last = std::min<int64_t>(in, static_cast<int64_t>(center + stretch + 0.5));
    double sum = 0;
    for (int64_t i = first; i < last; ++i) {
      const double distance = std::abs((static_cast<double>(i) - center + 0.5) / stretch);
      row[static_cast<size_t>(i - first)] = std::max(0.0, 1 - distance);
      sum += row[static_cast<size_t>(i - first)];
    }
    for (int64_t i = 0; i < last - first; ++i) {
      taps.weights[static_cast<size_t>(o * taps.size + i)] =
          static_cast<int32_t>(row[static_cast<size_t>(i)] / sum * (1 << kBits) + 0.5);
    }
    taps.first.push_back(first);
    taps.count.push_back(last - first);
  }
  return taps;
}

uint8_t to_pixel(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

constexpr int32_t kHalf = 1 << (kBits - 1);

void resize_rows(const uint8_t* in, int64_t rows, int64_t in_width, const Taps& taps, int64_t out_width,
                 uint8_t* out) {
  for (int64_t y = 0; y < rows; ++y, in += in_width, out += out_width) {
    for (int64_t x = 0; x < out_width; ++x) {
      const auto* weight = taps.weights.data() + x * taps.size;
      const auto* pixel = in + taps.first[static_cast<size_t>(x)];
      int32_t sum = kHalf;
      for (int64_t i = 0; i < taps.count[static_cast<size_t>(x)]; ++i) sum += pixel[i] * weight[i];
      out[x] = to_pixel(sum);
    }
  }
}

void resize_columns(const uint8_t* in, int64_t width, const Taps& taps, int64_t out_height, uint8_t* out) {
  std::vector<int32_t> sums(static_cast<size_t>(width));
  for (int64_t y = 0; y < out_height; ++y, out += width) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const auto first = taps.first[static_cast<size_t>(y)];
    for (int64_t i = 0; i < taps.count[static_cast<size_t>(y)]; ++i) {
      const int32_t weight = taps.weights[static_cast<size_t>(y * taps.size + i)];
      const auto* row = in + (first + i) * width;
      for (int64_t x = 0; x < width; ++x) sums[static_cast<size_t>(x)] += row[x] * weight;
    }
    for (int64_t x = 0; x < width; ++x) out[x] = to_pixel(sums[static_cast<size_t>(x)]);
  }
}

}  // namespace

at::Tensor resize_uint8(const at::Tensor& image, int64_t height, int64_t width) {
  const int64_t channels = image.size(0), in_height = image.size(1), in_width = image.size(2);
  if (in_height == height && in_width == width) return image;
  auto now = image.contiguous();
  if (in_width != width) {
    auto next = at::empty({channels, in_height, width}, at::kByte);
    resize_rows(now.const_data_ptr<uint8_t>(), channels * in_height, in_width, make_taps(in_width, width),
                width, next.mutable_data_ptr<uint8_t>());
    now = next;
  }
  if (in_height != height) {
    auto next = at::empty({channels, height, width}, at::kByte);
    const auto taps = make_taps(in_height, height);
    for (int64_t c = 0; c < channels; ++c) {
      resize_columns(now.const_data_ptr<uint8_t>() + c * in_height * width, width, taps, height,
                     next.mutable_data_ptr<uint8_t>() + c * height * width);
    }
    now = next;
  }
  return now;
}

}  // namespace gmiseg::sam
