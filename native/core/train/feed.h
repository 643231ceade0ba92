// Batches for the trainer, made ahead of time on threads of their own.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "train/batch.h"

namespace gmiseg::train {

struct FeedOptions {
  int64_t first = 0, end = 0;  // numbers of the batches
  int64_t threads = 1;
  bool pin = false;  // into page-locked memory, for CUDA
};

class Feed {
 public:
  // Batches that lie ready beside those being made.
  static constexpr int64_t kAhead = 4;
  // Calls of `make` for different numbers run side by side.
  using Maker = std::function<Batch(int64_t number)>;
  // Makes batches first, first + 1, ...; they leave in that order, however many threads make them.
  Feed(Maker make, const FeedOptions& options);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  // The next batch; rethrows what went wrong while making it.
  Batch next();
  // Seconds that `next` has waited: above zero the feed holds up the training.
  double waited() const { return waited_; }

 private:
  // A batch, or what went wrong while it was made.
  struct Made {
    Batch batch;
    std::exception_ptr error;
  };
  void run();
  void stop();

  const Maker make_;
  const FeedOptions options_;
  int64_t started_, taken_;  // numbers of the next batch to make and to hand out
  double waited_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, Made> made_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gmiseg::train
