#include "parity/flatten.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <string>

#include "parity/report.h"
#include "support/flatten.h"

namespace gmiseg::parity {

namespace {

struct Case {
  const char* name;
  int64_t height, width, channels, channel, radius;
};
constexpr Case kCases[] = {
    {"grey", 37, 90, 1, -1, 5},
    {"green of a coloured picture", 64, 41, 3, 1, 4},
    {"grey of a coloured picture", 33, 33, 3, -1, 7},
    {"surroundings wider than the picture", 9, 5, 1, -1, 12},
};

at::Tensor surroundings(at::Tensor x, int64_t radius) {
  const int64_t side = 2 * radius + 1;
  for (int pass = 0; pass < 3; ++pass) {
    x = at::avg_pool2d(x, {side, 1}, {1, 1}, {radius, 0}, false, /*count_include_pad=*/false);
    x = at::avg_pool2d(x, {1, side}, {1, 1}, {0, radius}, false, /*count_include_pad=*/false);
  }
  return x;
}

}  // namespace

std::vector<Row> flatten_rows() {
  Report report;
  for (const auto& each : kCases) {
    const int64_t count = each.height * each.width * each.channels;
    // Light that changes across the picture, and a texture.
    const auto at = at::arange(count, at::kDouble);
    const auto pixels = (at * (200.0 / static_cast<double>(count)) + (at * 0.7).sin() * 20 + 25)
                            .to(at::kByte)
                            .view({each.height, each.width, each.channels});
    const auto planes = pixels.to(at::kDouble).permute({2, 0, 1});
    const auto x =
        (each.channels == 1  ? planes.narrow(0, 0, 1)
         : each.channel >= 0 ? planes.narrow(0, each.channel, 1)
                             : (planes[0] * 0.299 + planes[1] * 0.587 + planes[2] * 0.114).unsqueeze(0))
            .unsqueeze(0);
    const auto away = x - surroundings(x, each.radius);
    const auto want = (away / (surroundings(away.square(), each.radius) + 9).sqrt() * 50 + 128)
                          .clamp(0, 255)
                          .round()
                          .view({each.height, each.width});
    auto flat = support::flatten(pixels.const_data_ptr<uint8_t>(), each.height, each.width, each.channels,
                                 each.channel, each.radius);
    const auto got = at::from_blob(flat.data(), {each.height, each.width}, at::kByte);
    report.grey_levels(each.name, got, want);
  }
  return report.rows;
}

}  // namespace gmiseg::parity
