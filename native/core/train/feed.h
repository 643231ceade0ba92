// Batches for the trainer, made ahead of time on a thread of their own. A batch
// depends on the seed and its number alone.
#pragma once

#include <c10/core/Device.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "sam/config.h"
#include "sam/prompt_encoder.h"
#include "sam/transforms.h"
#include "train/samples.h"

namespace gmiseg::train {

struct Batch {
  at::Tensor
      images;  // [B, 3, S, S] float32, preprocessed and augmented; the rest has R = B * promptsPerImage rows
  at::Tensor target;       // [R, 1, low, low]
  at::Tensor points;       // [R, n, 2] or undefined, in the input's frame
  at::Tensor boxes;        // [R, 4] or undefined
  at::Tensor error_noise;  // [R, 1, low, low] in (0, 1] for the refining pass, or undefined
};

// Points and boxes from a mask, in the frame of the encoder's input. `mask` is bool [H, W], not empty.
at::Tensor points_in_mask(const at::Tensor& mask, int64_t count, const sam::Frame& frame, runtime::Rng& rng);
at::Tensor box_of_mask(const at::Tensor& mask, double offset, const sam::Frame& frame,
                       const sam::SamConfig& config, runtime::Rng& rng);

// The low-resolution target [1, low, low] of a mask.
at::Tensor low_res_target(const at::Tensor& mask, const sam::Frame& frame, const sam::SamConfig& config,
                          TargetMode mode);

// Batch number `number` of the run.
Batch make_batch(const SampleIndex& index, const TrainOptions& options, const sam::SamConfig& config,
                 int64_t number);

class Feed {
 public:
  // Makes batches first, first + 1, ... `pin`: into page-locked memory, for CUDA.
  Feed(const SampleIndex& index, const TrainOptions& options, const sam::SamConfig& config, int64_t first,
       int64_t end, bool pin);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  // The next batch; rethrows what went wrong while making it.
  Batch next();
  // Seconds that `next` has waited: above zero the feed holds up the training.
  double waited() const { return waited_; }

 private:
  static constexpr size_t kAhead = 4;
  void run();

  const SampleIndex& index_;
  const TrainOptions& options_;
  const sam::SamConfig& config_;
  int64_t number_, end_;
  bool pin_;
  double waited_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace gmiseg::train
