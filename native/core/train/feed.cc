#include "train/feed.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/types.h>

#include <chrono>
#include <utility>

namespace gmiseg::train {

Feed::Feed(Maker make, const FeedOptions& options)
    : make_(std::move(make)), options_(options), started_(options.first), taken_(options.first) {
  try {
    for (int64_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {  // no more threads to be had: the destructor does not run
    stop();
    throw;
  }
}

Feed::~Feed() { stop(); }

void Feed::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Feed::run() {
  torch::NoGradGuard no_grad;
  // Many makers with a pool of threads each would stand in each other's way. The setting is this thread's
  // own, but LibTorch puts the process's in its place when the thread first asks.
  if (options_.threads > 1) {
    at::get_num_threads();
    omp_set_num_threads(1);
  }
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || started_ < taken_ + kAhead + options_.threads; });
    if (stop_ || started_ >= options_.end) return;
    const int64_t number = started_++;
    lock.unlock();
    Made made;
    try {
      made.batch = make_(number);
      if (options_.pin) made.batch.each([](at::Tensor& tensor) { tensor = tensor.pin_memory(); });
    } catch (...) {
      made.error = std::current_exception();
    }
    const bool failed = made.error != nullptr;
    lock.lock();
    made_.emplace(number, std::move(made));
    changed_.notify_all();
    if (failed) return;
  }
}

Batch Feed::next() {
  const auto before = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return made_.contains(taken_); });
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  const auto found = made_.find(taken_);
  // It stays: whoever asks again hears the same.
  if (found->second.error) std::rethrow_exception(found->second.error);
  auto batch = std::move(found->second.batch);
  made_.erase(found);
  ++taken_;
  changed_.notify_all();
  return batch;
}

}  // namespace gmiseg::train
