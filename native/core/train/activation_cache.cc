#include "train/activation_cache.h"

#include <ATen/Functions.h>

#include <functional>
#include <string_view>

namespace gmiseg::train {

namespace {

sam::Halfway moved(const sam::Halfway& what, c10::Device device) {
  sam::Halfway out{what.block, what.x.to(device), {}};
  for (const auto& map : what.high_res) out.high_res.push_back(map.to(device));
  return out;
}

}  // namespace

int64_t ActivationCache::key_of(const at::Tensor& image) {
  const auto bytes = image.contiguous();
  const std::string_view view(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
  return static_cast<int64_t>(std::hash<std::string_view>{}(view));
}

std::optional<sam::Halfway> ActivationCache::find(int64_t key, c10::Device device) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  ++found_;
  return moved(found->second, device);
}

void ActivationCache::keep(int64_t key, const sam::Halfway& what) {
  auto bytes = static_cast<int64_t>(what.x.nbytes());
  for (const auto& map : what.high_res) bytes += static_cast<int64_t>(map.nbytes());
  if (bytes_ + bytes > most_) return;
  if (kept_.emplace(key, moved(what, c10::Device(c10::kCPU))).second) bytes_ += bytes;
}

}  // namespace gmiseg::train
