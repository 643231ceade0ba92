#include "train/samples.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/error.h"

namespace gmiseg::train {

namespace {

template <typename List, typename Value>
bool wanted(const List& list, const Value& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool SampleIndex::usable(int64_t label, int64_t pixels) const {
  return label != 0 && pixels >= options_.min_pixels && wanted(options_.labels, label);
}

SampleIndex::SampleIndex(const TrainOptions& options) : options_(options) {
  std::map<std::string, Task> train, validation;  // sorted by name: the order does not depend on the files'
  for (const auto& folder : options.data) {
    stores_.push_back(io::SliceStore::open(folder));
    const auto& slices = stores_.back()->slices();
    for (size_t i = 0; i < slices.size(); ++i) {
      const auto& info = slices[i];
      if (info.split == "test" || !wanted(options.datasets, info.dataset)) continue;
      for (const auto& [label, pixels] : info.labels) {
        if (!usable(label, pixels)) continue;
        const std::string name = info.dataset + "/" + std::to_string(label) + "/" + "ijk"[info.axis % 3];
        auto& task = (info.split == "val" ? validation : train)[name];
        task.name = name;
        task.samples.push_back({stores_.size() - 1, i, label});
      }
    }
  }
  for (auto& [name, task] : train) train_.push_back(std::move(task));
  for (auto& [name, task] : validation) validation_.push_back(std::move(task));
  if (train_.empty()) {
    throw Error(ErrorCode::kDataset, "No training sample is left in " + options.data.front() +
                                         (options.data.size() > 1 ? " and the other stores" : "") +
                                         ": check the split, 'datasets', 'labels' and 'minPixels'.");
  }
}

at::Tensor SampleIndex::image(const SampleRef& ref) const {
  const auto& store = *stores_[ref.store];
  const auto& info = store.slices()[ref.slice];
  return at::from_blob(const_cast<uint8_t*>(store.image(ref.slice)), {info.height, info.width, info.channels},
                       at::kByte)
      .permute({2, 0, 1});
}

at::Tensor SampleIndex::labels(const SampleRef& ref) const {
  const auto& store = *stores_[ref.store];
  const auto& info = store.slices()[ref.slice];
  return at::from_blob(const_cast<uint8_t*>(store.mask(ref.slice)), {info.height, info.width}, at::kByte);
}

const std::string& SampleIndex::subject(const SampleRef& ref) const {
  return stores_[ref.store]->slices()[ref.slice].subject;
}

io::Json SampleIndex::describe() const {
  io::Json::Array tasks;
  for (const auto& task : train_) {
    io::Json entry;
    entry.set("name", task.name);
    entry.set("samples", static_cast<int64_t>(task.samples.size()));
    tasks.push_back(std::move(entry));
  }
  return tasks;
}

std::vector<int64_t> SampleIndex::labels_in(const SampleRef& ref) const {
  std::vector<int64_t> out;
  for (const auto& [label, pixels] : stores_[ref.store]->slices()[ref.slice].labels) {
    if (usable(label, pixels)) out.push_back(label);
  }
  return out;
}

namespace {

enum Interpolation : int64_t { kBilinear = 0, kNearest = 1 };

// Samples [C, H, W] bytes along an affine map of output to input pixels.
at::Tensor warp(const at::Tensor& image, const at::Tensor& theta, Interpolation how) {
  const auto grid = at::affine_grid_generator(theta, {1, image.size(0), image.size(1), image.size(2)}, false);
  constexpr int64_t kZerosOutside = 0;
  return at::grid_sampler(image.unsqueeze(0).to(at::kFloat), grid, how, kZerosOutside, false)
      .squeeze(0)
      .round()
      .clamp(0, 255)
      .to(at::kByte);
}

}  // namespace

Sample augment(const Sample& sample, int64_t label, const TrainOptions& options, runtime::Rng& rng) {
  Sample out = sample;
  // Every draw happens whatever came out before, so that one option does not shift the others.
  const bool mirror_x = rng.chance(options.flip), mirror_y = rng.chance(options.flip);
  const double zoom = std::exp(rng.uniform(-options.zoom, options.zoom));
  const double angle = rng.uniform(-options.rotate, options.rotate) * M_PI / 180;
  const double shift_x = rng.uniform(-0.5, 0.5), shift_y = rng.uniform(-0.5, 0.5);
  const double gamma = std::exp(rng.uniform(-options.gamma, options.gamma));
  if (mirror_x) out = {out.image.flip({2}), out.labels.flip({1})};
  if (mirror_y) out = {out.image.flip({1}), out.labels.flip({0})};
  if (options.zoom > 0 || options.rotate > 0) {
    const auto aspect = static_cast<double>(out.labels.size(0)) / static_cast<double>(out.labels.size(1));
    // A magnified picture may look at any part of itself, a shrunken one stays whole.
    const double room = std::max(0.0, 1 - 1 / zoom);
    const auto theta =
        at::tensor({std::cos(angle) / zoom, -std::sin(angle) * aspect / zoom, 2 * shift_x * room,
                    std::sin(angle) / aspect / zoom, std::cos(angle) / zoom, 2 * shift_y * room})
            .to(at::kFloat)
            .view({1, 2, 3});
    const auto labels = warp(out.labels.unsqueeze(0), theta, kNearest).squeeze(0);
    if (labels.eq(label).sum().item<int64_t>() >= options.min_pixels) {
      out = {warp(out.image, theta, kBilinear), labels};
    }
  }
  if (options.gamma > 0) {
    out.image = (out.image.to(at::kFloat) / 255).pow(gamma).mul(255).round().to(at::kByte);
  }
  return out;
}

}  // namespace gmiseg::train
