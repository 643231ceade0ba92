// Batches for the trainer, made ahead of time on a thread of their own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "train/batch.h"

namespace gmiseg::train {

class Feed {
 public:
  using Maker = std::function<Batch(int64_t number)>;
  // Makes batches first, first + 1, ... `make` runs on the feed's thread alone.
  // `pin`: into page-locked memory, for CUDA.
  Feed(Maker make, int64_t first, int64_t end, bool pin);
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

  const Maker make_;
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
