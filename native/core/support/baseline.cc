// The network of a baseline model as an engine: examples are its support set, or it was trained on them.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "baselines/input.h"
#include "runtime/error.h"
#include "support/engine.h"

namespace gmiseg::support {

namespace {

class Baseline : public Engine {
 public:
  Baseline(model::Model& model, baselines::Support support) : model_(model), support_(std::move(support)) {}

  at::Tensor probability(const Seen& query, const sam::Prompts&, const Progress& progress) const override {
    const auto answer = model_.baseline->predict(query.features.embedding, support_, progress);
    return baselines::on_picture(answer, query.frame.height, query.frame.width)
        .view({query.frame.height, query.frame.width})
        .cpu();
  }
  io::NamedTensors tensors() const override {
    if (!support_.images.defined()) return {};
    return {{"images", support_.images}, {"masks", support_.masks.to(at::kByte)}};
  }
  io::Json describe() const override {
    io::Json json;
    json.set("method", model_.baseline->config.method);
    if (support_.images.defined()) json.set("supports", support_.images.size(0));
    return json;
  }

 private:
  model::Model& model_;
  const baselines::Support support_;  // empty where the weights alone decide
};

}  // namespace

std::unique_ptr<Engine> fit_baseline(model::Model& model, const std::vector<Example>& examples) {
  baselines::Support support;
  if (model.baseline->in_context()) {
    std::vector<at::Tensor> images, masks;
    for (const auto& example : examples) {
      images.push_back(example.image->features.embedding);
      masks.push_back(baselines::mask_input(example.mask, model.image_size()));
    }
    support = {at::cat(images), at::cat(masks).to(model.device)};
  }
  return std::make_unique<Baseline>(model, std::move(support));
}

std::unique_ptr<Engine> restore_baseline(model::Model& model, const io::NamedTensors& tensors) {
  baselines::Support support;
  if (model.baseline->in_context()) {
    for (const auto& [name, tensor] : tensors)
      (name == "images" ? support.images : support.masks) = tensor.to(model.device, at::kFloat);
    const int64_t size = model.image_size();
    if (tensors.size() != 2 || !support.images.defined() || !support.masks.defined() ||
        !support.images.sizes().equals(support.masks.sizes()) || support.images.dim() != 4 ||
        !support.images.sizes().slice(1).equals({1, size, size})) {
      throw Error(ErrorCode::kCheckpointFormat, "The task file holds no examples for this baseline.");
    }
  }
  return std::make_unique<Baseline>(model, std::move(support));
}

}  // namespace gmiseg::support
