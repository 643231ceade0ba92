// The mask of the most similar example: a baseline that any engine has to beat.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "runtime/error.h"
#include "support/engine.h"

namespace gmiseg::support {

namespace {

constexpr int64_t kSide = 64, kMaskSide = 256;

// Grey levels of the whole picture, stretched to a square, zero mean and unit deviation.
at::Tensor thumbnail(const at::Tensor& pixels) {
  const auto grey = pixels.to(at::kFloat).mean(0, true).unsqueeze(0);
  const auto small = at::_upsample_bilinear2d_aa(grey, {kSide, kSide}, false).flatten();
  return (small - small.mean()) / (small.std() + 1e-3);
}

class Copy : public Engine {
 public:
  Copy(at::Tensor thumbnails, at::Tensor masks)
      : thumbnails_(std::move(thumbnails)), masks_(std::move(masks)) {}

  at::Tensor probability(const Seen& query, const sam::Prompts&, const Progress&) const override {
    const auto distance = (thumbnails_ - thumbnail(query.pixels)).square().sum(1);
    const auto mask = masks_.index({distance.argmin()}).to(at::kFloat);
    // Interpolation of equal values may end a rounding error above them.
    return at::upsample_bilinear2d(mask.view({1, 1, kMaskSide, kMaskSide}),
                                   {query.frame.height, query.frame.width}, false)
        .view({query.frame.height, query.frame.width})
        .div(255)
        .clamp(0, 1);
  }
  io::NamedTensors tensors() const override { return {{"thumbnails", thumbnails_}, {"masks", masks_}}; }
  io::Json describe() const override {
    io::Json json;
    json.set("examples", thumbnails_.size(0));
    return json;
  }

 private:
  const at::Tensor thumbnails_, masks_;  // [N, kSide^2] float32, [N, kMaskSide, kMaskSide] uint8
};

}  // namespace

std::unique_ptr<Engine> fit_copy(const std::vector<Example>& examples) {
  std::vector<at::Tensor> thumbnails, masks;
  for (const auto& example : examples) {
    thumbnails.push_back(thumbnail(example.image->pixels));
    const auto mask = example.mask.to(at::kFloat).unsqueeze(0).unsqueeze(0);
    masks.push_back(at::_upsample_bilinear2d_aa(mask, {kMaskSide, kMaskSide}, false)
                        .view({kMaskSide, kMaskSide})
                        .mul(255)
                        .round()
                        .to(at::kByte));
  }
  return std::make_unique<Copy>(at::stack(thumbnails), at::stack(masks));
}

std::unique_ptr<Engine> restore_copy(const io::NamedTensors& tensors) {
  if (tensors.size() != 2)
    throw Error(ErrorCode::kCheckpointFormat, "The task file holds no copy of examples.");
  return std::make_unique<Copy>(tensors[0].second, tensors[1].second);
}

}  // namespace gmiseg::support
