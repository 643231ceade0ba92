// Work too little to share between threads.
#pragma once

namespace gmiseg::runtime {

// While it lives, what its thread computes stays in that thread. To wake another one takes some 50
// microseconds where threads sleep between two pieces of work, which is more than a product of a few tokens.
class OneThread {
 public:
  explicit OneThread(bool wanted);
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const bool wanted_;
  int threads_ = 0, products_ = 0;
};

}  // namespace gmiseg::runtime
