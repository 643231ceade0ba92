#include "runtime/tensor_bytes.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

namespace gmiseg::runtime {

namespace {

// The backward pass of a GPU runs on threads of its own.
class Counter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    const int64_t now = now_.fetch_add(size) + size;
    int64_t peak = peak_.load();
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t now() const { return now_; }
  int64_t peak() const { return peak_; }

 private:
  std::atomic<int64_t> now_{0}, peak_{0};
};

}  // namespace

struct TensorBytes::Scope {
  std::shared_ptr<Counter> counter = std::make_shared<Counter>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, counter};
};

TensorBytes::TensorBytes() : scope_(std::make_unique<Scope>()) {}
TensorBytes::~TensorBytes() = default;
int64_t TensorBytes::now() const { return scope_->counter->now(); }
int64_t TensorBytes::peak() const { return scope_->counter->peak(); }

void trim_heap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

int64_t resident_bytes() {
  trim_heap();  // what was freed and not given back yet is no need of anybody's
  int64_t pages = 0, resident = 0;
  if (!(std::ifstream("/proc/self/statm") >> pages >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

void give_memory_back() {
#ifdef __GLIBC__
  constexpr int kLargest = 1 << 20;  // of what the heap still holds; by itself glibc raises that to 32 MiB
  mallopt(M_MMAP_THRESHOLD, kLargest);
#endif
}

}  // namespace gmiseg::runtime
