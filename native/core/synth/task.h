// Synthetic segmentation tasks: a structure defined the same way over any number
// of subjects. A subject is a function of (seed, task, subject, size) alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gmiseg::synth {

struct Sample {
  int64_t size = 0, channels = 1;  // channels 1 or 3
  std::vector<uint8_t> image;      // [size, size, channels] interleaved
  std::vector<uint8_t> mask;       // [size, size], 0 or 1
};

struct Traits {
  std::string family;    // "anatomy", "cells", ...
  bool aligned = false;  // the same place means the same thing in every subject
  int64_t channels = 1;
  std::string target;   // what the mask shows, for example "organ" or "wall"
  bool border = false;  // the mask is the border of that
  double area = 0;      // mean share of the pixels, over a few subjects
  double folded = 0;    // share of pixels at which a subject's warp folds, over the same
};

class Task {
 public:
  // size: 32 .. 1024 and a multiple of 8; pictures are square. Throws
  // std::invalid_argument otherwise.
  Task(uint64_t seed, uint64_t index, int64_t size);
  ~Task();
  Task(Task&&) noexcept;
  Task& operator=(Task&&) noexcept;

  Sample subject(uint64_t number) const;
  const Traits& traits() const;

 private:
  struct World;
  std::unique_ptr<const World> world_;
};

}  // namespace gmiseg::synth
