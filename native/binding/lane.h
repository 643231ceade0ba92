// The one worker thread of an environment, and the rules that keep it safe.
//
// 1. One lane per environment (the main thread and each worker_thread has its
//    own), made at the first job. Jobs run one at a time, first in first out.
// 2. Only plain data crosses. Napi values, references and callbacks stay on the
//    JS thread, in Instance's table of pending jobs, and die there.
// 3. The lane talks to the JS thread through an outbox (job ids and a kind) and
//    a thread-safe function that only says "look into the outbox". It carries
//    no payload, so nothing leaks where it is torn down with calls queued.
// 4. The thread-safe function is unref'd at birth and ref'd while jobs are
//    pending: an idle session never keeps a process alive, a running job does.
// 5. At the environment's end a cleanup hook, registered after the thread-safe
//    function so that it runs before that one's own, does in this order: trip
//    all stop flags, join the lane, drop the pending jobs, free the sessions,
//    release the thread-safe function. Nothing calls it afterwards.
//    process.exit() and uncaught exceptions skip those hooks on the main thread,
//    so a listener of process 'exit' stops and joins the lane first. A handler of
//    atexit() would be too late: the statics that LibTorch and oneDNN make while
//    they work are destroyed before it, and the lane would hang or crash in them.
// 6. A stop flag is heard only where the core polls: between encoder blocks, per
//    training step. An exit waits that long and no longer.
// 7. Grad mode, device and thread count are the core's business, set inside the
//    job: they are thread-local, so nothing set on the JS thread would count.
// 8. No exception leaves the lane: whatever a job throws becomes its `error`.
// 9. No statics with destructors. The module stays mapped (-z nodelete).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "job.h"

namespace gmiseg::binding {

class Lane {
 public:
  enum class Kind { kNotice, kEnd };
  struct Event {
    uint64_t job;
    Kind kind;
  };

  // `wake` is called on the lane thread when the outbox stops being empty. It
  // must not block and must outlive stop().
  explicit Lane(std::function<void()> wake);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // All of these on the JS thread.
  void submit(std::shared_ptr<Job> job);
  // Takes a job out of the queue; false if it has started or ended.
  bool withdraw(uint64_t job);
  std::vector<Event> take_events();
  // Trips every stop flag, drops what is queued and joins. Idempotent.
  void stop();

 private:
  void loop();
  void post(Event event);

  const std::function<void()> wake_;
  std::mutex mutex_;  // guards the queue and what is running
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::shared_ptr<Job> running_;
  std::atomic<bool> stopping_{false};

  std::mutex outbox_mutex_;
  std::vector<Event> outbox_;

  std::thread thread_;  // last: the rest must be there when it starts
};

}  // namespace gmiseg::binding
