#include "synth/filters.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gmiseg::synth {

namespace {

std::vector<float> kernel_of(float deviation) {
  const int radius = std::max(1, static_cast<int>(std::ceil(2.5F * deviation)));
  std::vector<float> kernel(static_cast<size_t>(2 * radius + 1));
  float sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    const float x = static_cast<float>(i) / deviation;
    sum += kernel[static_cast<size_t>(i + radius)] = std::exp(-0.5F * x * x);
  }
  for (auto& value : kernel) value /= sum;
  return kernel;
}

using Block = std::array<std::array<float, 8>, 8>;

// The orthonormal cosine transform's matrix.
Block cosine_matrix() {
  Block matrix{};
  for (size_t k = 0; k < 8; ++k) {
    for (size_t i = 0; i < 8; ++i) {
      const float scale = k == 0 ? std::sqrt(0.125F) : 0.5F;
      matrix[k][i] =
          scale * std::cos(3.14159265F / 8 * (static_cast<float>(i) + 0.5F) * static_cast<float>(k));
    }
  }
  return matrix;
}

// a * b, or a^T * b
Block product(const Block& a, const Block& b, bool transposed) {
  Block out{};
  for (size_t i = 0; i < 8; ++i) {
    for (size_t k = 0; k < 8; ++k) {
      const float factor = transposed ? a[k][i] : a[i][k];
      for (size_t j = 0; j < 8; ++j) out[i][j] += factor * b[k][j];
    }
  }
  return out;
}

Block transpose(const Block& a) {
  Block out{};
  for (size_t i = 0; i < 8; ++i) {
    for (size_t j = 0; j < 8; ++j) out[j][i] = a[i][j];
  }
  return out;
}

}  // namespace

void gaussian_blur(Plane& plane, int64_t size, float deviation) {
  const auto n = static_cast<size_t>(size);
  const auto kernel = kernel_of(deviation);
  const auto radius = kernel.size() / 2;
  std::vector<float> line(n + 2 * radius);
  for (size_t y = 0; y < n; ++y) {
    float* row = plane.data() + y * n;
    std::copy(row, row + n, line.begin() + static_cast<std::ptrdiff_t>(radius));
    std::fill_n(line.begin(), radius, row[0]);
    std::fill_n(line.end() - static_cast<std::ptrdiff_t>(radius), radius, row[n - 1]);
    std::fill_n(row, n, 0.0F);
    for (size_t k = 0; k < kernel.size(); ++k) {
      const float weight = kernel[k];
      const float* from = line.data() + k;
      for (size_t x = 0; x < n; ++x) row[x] += weight * from[x];
    }
  }
  Plane out(plane.size());
  for (size_t y = 0; y < n; ++y) {
    float* to = out.data() + y * n;
    for (size_t k = 0; k < kernel.size(); ++k) {
      const auto row =
          std::clamp(static_cast<int64_t>(y + k) - static_cast<int64_t>(radius), int64_t{0}, size - 1);
      const float weight = kernel[k];
      const float* from = plane.data() + static_cast<size_t>(row) * n;
      for (size_t x = 0; x < n; ++x) to[x] += weight * from[x];
    }
  }
  plane.swap(out);
}

void thin_out(Plane& plane, int64_t size, float factor, bool down) {
  const auto n = static_cast<size_t>(size);
  const auto count = std::max<size_t>(4, static_cast<size_t>(std::lround(static_cast<float>(size) / factor)));
  const float step = static_cast<float>(n) / static_cast<float>(count);
  const size_t along = down ? n : 1, across = down ? 1 : n;
  std::vector<float> means(count);
  for (size_t line = 0; line < n; ++line) {
    float* start = plane.data() + line * across;
    for (size_t k = 0; k < count; ++k) {
      const auto from = static_cast<size_t>(static_cast<float>(k) * step);
      const auto to = std::clamp(static_cast<size_t>(static_cast<float>(k + 1) * step), from + 1, n);
      float sum = 0;
      for (size_t i = from; i < to; ++i) sum += start[i * along];
      means[k] = sum / static_cast<float>(to - from);
    }
    for (size_t i = 0; i < n; ++i) {
      const float place = std::clamp((static_cast<float>(i) + 0.5F) / step - 0.5F, 0.0F,
                                     static_cast<float>(count - 1) - 1e-3F);
      const auto k = static_cast<size_t>(place);
      start[i * along] = means[k] + (means[k + 1] - means[k]) * (place - static_cast<float>(k));
    }
  }
}

void block_artefacts(Plane& plane, int64_t size, float strength) {
  const auto n = static_cast<size_t>(size);
  const Block cosine = cosine_matrix();
  const Block turned = transpose(cosine);
  for (size_t y = 0; y < n; y += 8) {
    for (size_t x = 0; x < n; x += 8) {
      Block block{};
      for (size_t j = 0; j < 8; ++j) {
        for (size_t i = 0; i < 8; ++i) block[j][i] = plane[(y + j) * n + x + i];
      }
      block = product(product(cosine, block, false), turned, false);
      for (size_t j = 0; j < 8; ++j) {
        for (size_t i = 0; i < 8; ++i) {
          const float step = strength * (0.06F + 0.05F * static_cast<float>(i + j));
          block[j][i] = std::round(block[j][i] / step) * step;
        }
      }
      block = product(product(cosine, block, true), cosine, false);
      for (size_t j = 0; j < 8; ++j) {
        for (size_t i = 0; i < 8; ++i) plane[(y + j) * n + x + i] = block[j][i];
      }
    }
  }
}

std::vector<uint8_t> mask_border(const std::vector<uint8_t>& mask, int64_t size, float radius) {
  const auto n = size;
  const auto reach = static_cast<int64_t>(std::ceil(radius));
  const float most = std::max(0.6F, radius * radius);
  std::vector<uint8_t> out(mask.size());
  for (int64_t y = 0; y < n; ++y) {
    for (int64_t x = 0; x < n; ++x) {
      const auto at = static_cast<size_t>(y * n + x);
      // Only borders between neighbours matter: paint a disc round each.
      const bool right = x + 1 < n && mask[at] != mask[at + 1];
      const bool below = y + 1 < n && mask[at] != mask[at + static_cast<size_t>(n)];
      if (!right && !below) continue;
      const float cx = static_cast<float>(x) + (right ? 0.5F : 0),
                  cy = static_cast<float>(y) + (below ? 0.5F : 0);
      for (int64_t v = std::max<int64_t>(0, y - reach); v <= std::min(n - 1, y + reach + 1); ++v) {
        for (int64_t u = std::max<int64_t>(0, x - reach); u <= std::min(n - 1, x + reach + 1); ++u) {
          const float dx = static_cast<float>(u) - cx, dy = static_cast<float>(v) - cy;
          if (dx * dx + dy * dy <= most) out[static_cast<size_t>(v * n + u)] = 1;
        }
      }
    }
  }
  return out;
}

}  // namespace gmiseg::synth
