// What the encoder's frozen blocks make of images, kept between the steps of a training.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "sam/image_encoder.h"

namespace gmiseg::train {

// Keeps what it is given until it is full, on the CPU: of images drawn at random none is better kept than
// another.
class ActivationCache {
 public:
  explicit ActivationCache(int64_t most_bytes) : most_(most_bytes) {}
  int64_t size() const { return most_; }    // in bytes
  int64_t bytes() const { return bytes_; }  // of them in use
  int64_t images() const { return static_cast<int64_t>(kept_.size()); }
  int64_t found() const { return found_; }  // how often something was
  void count_anew() { found_ = 0; }

  // A name for the bytes of an image [1, 3, S, S] on the CPU.
  static int64_t key_of(const at::Tensor& image);

  std::optional<sam::Halfway> find(int64_t key, c10::Device device);
  void keep(int64_t key, const sam::Halfway& what);

 private:
  const int64_t most_;
  int64_t bytes_ = 0, found_ = 0;
  std::unordered_map<int64_t, sam::Halfway> kept_;
};

}  // namespace gmiseg::train
