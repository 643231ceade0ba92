#include "train/feed.h"

#include <torch/types.h>

#include <chrono>
#include <utility>

namespace gmiseg::train {

Feed::Feed(Maker make, int64_t first, int64_t end, bool pin)
    : make_(std::move(make)), number_(first), end_(end), pin_(pin) {
  thread_ = std::thread([this] { run(); });
}

Feed::~Feed() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Feed::run() {
  torch::NoGradGuard no_grad;
  try {
    for (int64_t number = number_; number < end_; ++number) {
      auto batch = make_(number);
      if (pin_) batch.each([](at::Tensor& tensor) { tensor = tensor.pin_memory(); });
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || ready_.size() < kAhead; });
      if (stop_) return;
      ready_.push_back(std::move(batch));
      changed_.notify_all();
    }
  } catch (...) {
    std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

Batch Feed::next() {
  const auto before = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || error_ != nullptr; });
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  if (ready_.empty()) std::rethrow_exception(error_);
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return batch;
}

}  // namespace gmiseg::train
