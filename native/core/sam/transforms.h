// Pixels to the encoder's input, and low-resolution logits back to pixels. Where there is a frame, its side
// counts and not the config's: a model sees pictures at several sizes.
#pragma once

#include <ATen/core/Tensor.h>

#include "sam/config.h"

namespace gmiseg::sam {

// Where an image lies in the encoder's square input.
struct Frame {
  int64_t height = 0, width = 0;              // of the original image
  int64_t input_height = 0, input_width = 0;  // after resizing, before padding
  int64_t top = 0, left = 0;                  // padding above and to the left, whole low-resolution cells
  int64_t side = 0;                           // of the encoder's input
  double scale_x() const { return static_cast<double>(input_width) / static_cast<double>(width); }
  double scale_y() const { return static_cast<double>(input_height) / static_cast<double>(height); }
};

Frame frame_of(int64_t height, int64_t width, const SamConfig& config);

// The part of [..., S, S] that is picture, a view.
at::Tensor on_picture(const at::Tensor& input, const Frame& frame);

// Side of the low-resolution grid that belongs to the frame.
int64_t low_res_of(const Frame& frame, const SamConfig& config);

// [1, 1, S, S] float32: 1 where the input is picture, 0 on the padding.
at::Tensor picture_share(const Frame& frame);

// [H, W, 1 or 3] uint8 on the CPU -> [1, 3, S, S] float32 on the device, normalised and padded as
// config.preprocessing says. Bytes are resized before they travel, and become floats there.
at::Tensor preprocess(const at::Tensor& image, const SamConfig& config,
                      c10::Device device = c10::Device(c10::kCPU));

// [P, M, low, low] logits -> [P, M, height, width] float32 on the original grid.
at::Tensor postprocess(const at::Tensor& low_res, const Frame& frame, const SamConfig& config);

// A binary mask [P, H, W] on the original grid -> mask prompt [P, 1, low, low]
// with logits of +10 inside, -10 outside and on the padding.
at::Tensor mask_to_logits(const at::Tensor& mask, const Frame& frame, const SamConfig& config);

// Logits [P, 1, H, W] on the original grid -> [P, 1, low, low]; 0 on the padding.
at::Tensor logits_to_low_res(const at::Tensor& logits, const Frame& frame, const SamConfig& config);

// What a cell of the low-resolution grid says of the mask below it.
enum class CellValue {
  kShare,   // how much of the cell is mask, 0 to 1
  kCentre,  // whether its centre is, 0 or 1
};

// A binary mask [H, W] on the original grid -> [1, low, low] float32, 0 on the padding.
at::Tensor mask_to_cells(const at::Tensor& mask, const Frame& frame, const SamConfig& config,
                         CellValue value);

// |{logit > 1}| / |{logit > -1}| per mask of [..., H, W]; 0 where the union is empty.
at::Tensor stability_score(const at::Tensor& logits);

}  // namespace gmiseg::sam
