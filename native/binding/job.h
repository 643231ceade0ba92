// What the lane sees of a job: plain data and a function to run. No Node-API
// type may appear in a Job, for its members can die on either thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "runtime/error.h"
#include "runtime/progress.h"

namespace gmiseg::binding {

class Job {
 public:
  virtual ~Job() = default;

  // On the lane thread. Results stay in the job; the JS thread reads them after
  // the lane has posted the job's end.
  virtual void run(const Progress& progress) = 0;

  uint64_t id = 0;
  // Set by the JS thread, polled by the core.
  std::atomic<bool> stop{false};
  // True from the moment a notice is posted until the JS thread has seen it, so
  // that a chatty job has one notice on its way at most.
  std::atomic<bool> notice_posted{false};
  // Posts a notice that this job has something to deliver; given by the lane.
  std::function<void()> notify;
  // Why the job failed; written before its end is posted.
  std::optional<Error> error;
};

// Stages on their way from the lane to a progress callback. Bounded: when
// nobody reads, the oldest go first and the latest always stays.
class StageQueue {
 public:
  using Stage = std::pair<std::string, double>;

  void push(const std::string& stage, double fraction) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stages_.size() == kCapacity) stages_.pop_front();
    stages_.emplace_back(stage, fraction);
  }

  std::deque<Stage> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(stages_, {});
  }

 private:
  static constexpr size_t kCapacity = 64;
  std::mutex mutex_;
  std::deque<Stage> stages_;
};

}  // namespace gmiseg::binding
