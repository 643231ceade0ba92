// Training reports on their way from the lane to take().
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

namespace gmiseg::binding {

// Bounded: when nobody reads, the oldest go first and are counted. Nothing is
// lost for good, every report is in the run's metrics.jsonl too.
class ReportQueue {
 public:
  struct Batch {
    std::deque<std::string> lines;
    uint64_t dropped = 0;
  };

  void push(std::string line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (batch_.lines.size() == kCapacity) {
      batch_.lines.pop_front();
      ++batch_.dropped;
    }
    batch_.lines.push_back(std::move(line));
  }

  // What came since the last call.
  Batch take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(batch_, {});
  }

 private:
  static constexpr size_t kCapacity = 256;
  std::mutex mutex_;
  Batch batch_;
};

}  // namespace gmiseg::binding
