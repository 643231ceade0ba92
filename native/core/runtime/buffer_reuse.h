// Large buffers of the CPU, used again while a computation lasts.
#pragma once

#include <cstdint>

namespace gmiseg::runtime {

// While one of these lives, memory of large tensors that are freed is kept for the next tensors of about that
// size instead of going back to the system, which would have to clear every page of it again. At most
// `most_bytes` lie idle, by default about the activations of one block of an encoder; with kAll as many as
// make up, with what is in use, the most that was ever in use at once. All of them go back with the last
// scope. For all threads of the process.
class BufferReuse {
 public:
  explicit BufferReuse(int64_t most_bytes = int64_t{256} << 20);
  static constexpr int64_t kAll = INT64_MAX;
  ~BufferReuse();
  BufferReuse(const BufferReuse&) = delete;
  BufferReuse& operator=(const BufferReuse&) = delete;

 private:
  const int64_t most_bytes_;
};

}  // namespace gmiseg::runtime
