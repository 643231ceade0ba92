#include "lane.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace gmiseg::binding {

Lane::Lane(std::function<void()> wake) : wake_(std::move(wake)), thread_([this] { loop(); }) {}

Lane::~Lane() { stop(); }

void Lane::submit(std::shared_ptr<Job> job) {
  job->notify = [this, target = job.get()] {
    if (!target->notice_posted.exchange(true)) post({target->id, Kind::kNotice});
  };
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
}

bool Lane::withdraw(uint64_t job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found =
      std::find_if(queue_.begin(), queue_.end(), [&](const auto& queued) { return queued->id == job; });
  if (found == queue_.end()) return false;
  queue_.erase(found);
  return true;
}

std::vector<Lane::Event> Lane::take_events() {
  const std::lock_guard<std::mutex> lock(outbox_mutex_);
  return std::exchange(outbox_, {});
}

void Lane::stop() {
  std::deque<std::shared_ptr<Job>> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_.store(true);
    if (running_) running_->stop.store(true);
    dropped.swap(queue_);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Lane::post(Event event) {
  bool was_empty = false;
  {
    const std::lock_guard<std::mutex> lock(outbox_mutex_);
    was_empty = outbox_.empty();
    outbox_.push_back(event);
  }
  // Not to an environment that is going: it has nobody left to read.
  if (was_empty && !stopping_) wake_();
}

void Lane::loop() {
  pthread_setname_np(pthread_self(), "gmiseg-lane");
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      running_ = job;
    }
    try {
      Progress progress;
      progress.stop = &job->stop;
      job->run(progress);
    } catch (...) {
      job->error = current_exception_to_error();
    }
    const uint64_t id = job->id;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      running_.reset();
    }
    // The table of pending jobs holds the job until its end is seen. Letting go
    // of it first makes the JS thread the one that frees what the job held, so
    // that memory is free by the time the promise settles.
    job.reset();
    post({id, Kind::kEnd});
  }
}

}  // namespace gmiseg::binding
