#include "train/validate.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include "runtime/autocast.h"
#include "sam/transforms.h"
#include "train/losses.h"
#include "train/prompts.h"

namespace gmiseg::train {

namespace {

constexpr uint64_t kValidationStream = 3;

}  // namespace

Validation validate(model::Model& model, const SampleIndex& index, const TrainOptions& options,
                    const Progress& progress) {
  torch::NoGradGuard no_grad;
  runtime::Autocast autocast(model.device.type(), options.autocast());
  auto& sam = *model.sam;
  const auto positions = sam.prompt_encoder->dense_pe();
  sam::EncodeOptions encode;
  encode.bypass = model.adapter.get();

  Validation out;
  out.tasks = io::Json(io::Json::Object{});
  const auto& tasks = index.validation();
  double sum = 0;
  for (size_t t = 0; t < tasks.size(); ++t) {
    const auto have = static_cast<int64_t>(tasks[t].samples.size());
    // Evenly spread over the task, so that all its patients take part.
    const auto share =
        static_cast<int64_t>((options.validate_samples + static_cast<int64_t>(tasks.size()) - 1) /
                             static_cast<int64_t>(tasks.size()));
    const int64_t count = std::min(have, share);
    double task_sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      progress.check();
      const auto& ref = tasks[t].samples[i * have / count];
      const auto mask = index.mask(ref);
      const auto frame = sam::frame_of(mask.size(0), mask.size(1), sam.config);
      runtime::Rng rng(options.seed, kValidationStream, (t << 32) + static_cast<uint64_t>(i));
      sam::Prompts prompts;
      prompts.boxes = box_of_mask(mask, options.box_offset, frame, rng).unsqueeze(0).to(model.device);
      const auto image =
          sam::preprocess(index.image(ref).permute({1, 2, 0}), sam.config, model.device).to(model.arithmetic);
      const auto features = sam.image_encoder->forward(image, encode, progress);
      const auto masks = sam.mask_decoder->forward(
          features, positions, sam.prompt_encoder->forward(prompts, 1), sam::MaskChoice::kSingle);
      const auto logits = sam::postprocess(masks.logits, frame, sam.config).cpu();
      task_sum += mask_dice(logits, mask.unsqueeze(0).unsqueeze(0).to(at::kFloat)).item<double>();
    }
    sum += task_sum;
    out.samples += count;
    out.tasks.set(tasks[t].name, task_sum / static_cast<double>(std::max<int64_t>(1, count)));
  }
  out.dice = out.samples > 0 ? sum / static_cast<double>(out.samples) : 0;
  return out;
}

}  // namespace gmiseg::train
