#include "sam/transforms.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "sam/resize.h"

namespace gmiseg::sam {

namespace {

// ImageNet's statistics in units of grey levels, as the reference has them.
constexpr float kMean[] = {123.675F, 116.28F, 103.53F};
constexpr float kStd[] = {58.395F, 57.12F, 57.375F};

at::Tensor bilinear(const at::Tensor& x, int64_t height, int64_t width) {
  return at::upsample_bilinear2d(x, {height, width}, false);
}

// The place of the picture on the low-resolution grid.
struct Cells {
  int64_t height, width, top, left, low;
  Cells(const Frame& frame, const SamConfig& config) {
    const double ratio = static_cast<double>(low_res_of(frame, config)) / static_cast<double>(frame.side);
    const auto cells = [&](int64_t n) { return std::llround(static_cast<double>(n) * ratio); };
    height = std::max<int64_t>(1, cells(frame.input_height));
    width = std::max<int64_t>(1, cells(frame.input_width));
    top = cells(frame.top);
    left = cells(frame.left);
    low = low_res_of(frame, config);
  }
  // [..., height, width] -> [..., low, low]
  at::Tensor padded(const at::Tensor& x, double value) const {
    return at::constant_pad_nd(x, {left, low - width - left, top, low - height - top}, value);
  }
};

}  // namespace

Frame frame_of(int64_t height, int64_t width, const SamConfig& config) {
  if (height < 1 || width < 1 || height > (1 << 20) || width > (1 << 20)) {
    throw Error(ErrorCode::kShape, "An image of " + std::to_string(width) + " x " + std::to_string(height) +
                                       " pixels cannot be used; both sides must be between 1 and 1048576.");
  }
  Frame f{height, width, config.image_size, config.image_size};
  f.side = config.image_size;
  if (config.preprocessing != Preprocessing::kMedSam) {
    const double scale =
        static_cast<double>(config.image_size) / static_cast<double>(std::max(height, width));
    const auto side = [&](int64_t n) {
      // A line of an extreme aspect ratio still keeps a pixel.
      return std::max<int64_t>(1, static_cast<int64_t>(std::floor(static_cast<double>(n) * scale + 0.5)));
    };
    f.input_height = side(height);
    f.input_width = side(width);
    if (config.preprocessing == Preprocessing::kCentred) {
      const int64_t cell = config.image_size / config.low_res();
      f.top = (config.image_size - f.input_height) / 2 / cell * cell;
      f.left = (config.image_size - f.input_width) / 2 / cell * cell;
    }
  }
  return f;
}

at::Tensor preprocess(const at::Tensor& image, const SamConfig& config, c10::Device device) {
  const auto frame = frame_of(image.size(0), image.size(1), config);
  auto x = image.permute({2, 0, 1});
  if (config.preprocessing == Preprocessing::kMedSam) {
    x = x.to(at::kFloat).unsqueeze(0).contiguous();
    if (x.size(2) != frame.input_height || x.size(3) != frame.input_width) {
      x = at::_upsample_bicubic2d_aa(x, {frame.input_height, frame.input_width}, false);
      x = x.clamp(0, 255);  // cubic kernels overshoot
    }
    const auto low = x.min(), high = x.max();
    x = (x - low) / (high - low).clamp_min(1e-8);
    return x.expand({1, 3, x.size(2), x.size(3)}).contiguous().to(device);
  }
  x = resize_uint8(x, frame.input_height, frame.input_width).to(device).to(at::kFloat).expand({3, -1, -1});
  const auto channels = [&](const float(&values)[3]) {
    return at::tensor(at::ArrayRef<float>(values), at::kFloat).view({3, 1, 1}).to(device);
  };
  x = (x - channels(kMean)) / channels(kStd);
  return at::constant_pad_nd(x, {frame.left, config.image_size - frame.input_width - frame.left, frame.top,
                                 config.image_size - frame.input_height - frame.top})
      .unsqueeze(0);
}

at::Tensor on_picture(const at::Tensor& input, const Frame& frame) {
  return input.narrow(-2, frame.top, frame.input_height).narrow(-1, frame.left, frame.input_width);
}

int64_t low_res_of(const Frame& frame, const SamConfig& config) {
  return 4 * (frame.side / config.patch_size);
}

at::Tensor picture_share(const Frame& frame) {
  auto out = at::zeros({1, 1, frame.side, frame.side});
  on_picture(out, frame).fill_(1);
  return out;
}

at::Tensor postprocess(const at::Tensor& low_res, const Frame& frame, const SamConfig& config) {
  auto x = low_res.to(at::kFloat);
  if (config.preprocessing == Preprocessing::kMedSam) {
    // MedSAM resizes probabilities, not logits.
    return at::logit(bilinear(at::sigmoid(x), frame.height, frame.width), 1e-6);
  }
  x = on_picture(bilinear(x, frame.side, frame.side), frame);
  const bool same = frame.input_height == frame.height && frame.input_width == frame.width;
  return same ? x.contiguous() : bilinear(x, frame.height, frame.width);
}

at::Tensor mask_to_logits(const at::Tensor& mask, const Frame& frame, const SamConfig& config) {
  const auto foreground = mask.ne(0).to(at::kFloat).unsqueeze(1);
  // Area averages, so that thin structures leave a trace.
  const Cells cells(frame, config);
  const auto small = at::_upsample_bilinear2d_aa(foreground, {cells.height, cells.width}, false);
  return cells.padded(small * 20 - 10, -10);
}

at::Tensor logits_to_low_res(const at::Tensor& logits, const Frame& frame, const SamConfig& config) {
  const Cells cells(frame, config);
  return cells.padded(at::_upsample_bilinear2d_aa(logits, {cells.height, cells.width}, false), 0);
}

at::Tensor mask_to_cells(const at::Tensor& mask, const Frame& frame, const SamConfig& config,
                         CellValue value) {
  const Cells cells(frame, config);
  const auto x = mask.to(at::kFloat).unsqueeze(0).unsqueeze(0);
  at::Tensor small;
  if (value == CellValue::kCentre) {
    small = at::_upsample_nearest_exact2d(x, {cells.height, cells.width});
  } else if (cells.height <= mask.size(0) && cells.width <= mask.size(1)) {
    small = at::adaptive_avg_pool2d(x, {cells.height, cells.width});
  } else {
    small = at::upsample_bilinear2d(x, {cells.height, cells.width}, false);
  }
  return cells.padded(small, 0).squeeze(0);
}

at::Tensor stability_score(const at::Tensor& logits) {
  const auto inside = logits.gt(1).sum({-2, -1}).to(at::kFloat);
  const auto around = logits.gt(-1).sum({-2, -1}).to(at::kFloat);
  return at::where(around > 0, inside / around.clamp_min(1), at::zeros_like(inside));
}

}  // namespace gmiseg::sam
