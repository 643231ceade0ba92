// How a long job hears "stop" and tells how far it is. Plain data: no LibTorch,
// no Node. Every long loop calls `check()` (between encoder blocks, per step).
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "runtime/error.h"

namespace gmiseg {

struct Progress {
  // Set by another thread; null means that the job cannot be stopped.
  const std::atomic<bool>* stop = nullptr;
  // Called on the job's own thread with a stage name and a fraction in [0, 1].
  std::function<void(const std::string& stage, double fraction)> on_progress;

  bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
  // Throws Error(kAborted) once a stop was asked for.
  void check() const {
    if (stopped()) throw Error(ErrorCode::kAborted, "The job was aborted.");
  }
  void report(const std::string& stage, double fraction) const {
    check();
    if (on_progress) on_progress(stage, fraction);
  }
};

}  // namespace gmiseg
