#include "runtime/buffer_reuse.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <set>
#include <unordered_map>

namespace gmiseg::runtime {

namespace {

// Below, the heap itself keeps what is freed. Of sizes, so that blocks fit more than one kind of tensor.
constexpr size_t kSmallest = size_t{1} << 20, kStep = size_t{1} << 18;

class Pool : public c10::Allocator {
 public:
  static Pool& get() {
    // Never destroyed: tensors outlive everything.
    static Pool* const pool = [] {
      auto* made = new Pool(c10::GetCPUAllocator());
      c10::SetCPUAllocator(made, /*priority=*/1);
      return made;
    }();
    return *pool;
  }

  c10::DataPtr allocate(size_t size) override {
    if (size < kSmallest) return below_->allocate(size);
    const auto [block, own] = take((size + kStep - 1) / kStep * kStep);
    if (block == nullptr) return below_->allocate(size);
    report(block, static_cast<int64_t>(own));
    return {block, block, &Pool::give, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Pool::give; }
  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }

  void open(int64_t most_bytes) {
    const std::lock_guard lock(mutex_);
    open_.insert(static_cast<size_t>(most_bytes));
  }
  void close(int64_t most_bytes) {
    std::list<Idle> gone;
    {
      const std::lock_guard lock(mutex_);
      open_.erase(open_.find(static_cast<size_t>(most_bytes)));
      drop(most(), gone);
      if (open_.empty()) lent_peak_ = lent_bytes_;
    }
    for (const auto& each : gone) unmap(each);
  }

 private:
  struct Idle {
    void* block;
    size_t size;
  };

  explicit Pool(c10::Allocator* below) : below_(below), give_below_(below->raw_deleter()) {}

  static void report(void* block, int64_t size) {
    if (c10::memoryProfilingEnabled())
      c10::reportMemoryUsageToProfiler(block, size, 0, 0, c10::Device(c10::kCPU));
  }

  size_t most() const { return open_.empty() ? 0 : *open_.rbegin(); }
  // The oldest first: what has just been freed is asked for next, and is still in the caches.
  void drop(size_t to, std::list<Idle>& gone) {
    while (!idle_.empty() && idle_bytes_ > to) {
      idle_bytes_ -= idle_.front().size;
      gone.splice(gone.end(), idle_, idle_.begin());
    }
  }

  // An idle block of that size or a little more, or a new one; null while nobody asked for reuse.
  Idle take(size_t wanted) {
    std::list<Idle> gone;
    const std::lock_guard lock(mutex_);
    if (open_.empty()) return {nullptr, 0};
    auto best = idle_.end();
    for (auto each = idle_.begin(); each != idle_.end(); ++each) {
      if (each->size < wanted || each->size > wanted + wanted / 4) continue;
      if (best == idle_.end() || each->size < best->size) best = each;
    }
    Idle out{nullptr, wanted};
    if (best != idle_.end()) {
      out = *best;
      idle_bytes_ -= out.size;
      idle_.erase(best);
    } else {
      // Without a limit of its own, what lies idle may fill up to the most that was ever in use: blocks of
      // other sizes than before must not come on top.
      const size_t room = std::max(lent_peak_, lent_bytes_ + wanted) - lent_bytes_ - wanted;
      if (most() == static_cast<size_t>(BufferReuse::kAll)) drop(room, gone);
      for (const auto& each : gone) unmap(each);
      out = map(wanted);
    }
    if (out.block == nullptr) return out;
    lent_.emplace(out.block, out.size);
    lent_bytes_ += out.size;
    lent_peak_ = std::max(lent_peak_, lent_bytes_);
    return out;
  }

  // Straight from the system and back. The heap would not do: what LibTorch asks for has to begin at a
  // multiple of 64, and a hole that such a block has left is too small for the next one of its size.
  static Idle map(size_t size) {
    void* const block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return {nullptr, 0};  // LibTorch's own allocator says so, with its own words
    return {block, size};
  }
  static void unmap(const Idle& idle) { munmap(idle.block, idle.size); }

  static void give(void* block) {
    auto& self = get();
    std::list<Idle> gone;
    bool ours = false;
    {
      const std::lock_guard lock(self.mutex_);
      const auto found = self.lent_.find(block);
      ours = found != self.lent_.end();
      if (ours) {
        const size_t size = found->second;
        self.lent_.erase(found);
        report(block, -static_cast<int64_t>(size));
        self.idle_.push_back({block, size});
        self.idle_bytes_ += size;
        self.lent_bytes_ -= size;
        self.drop(self.most(), gone);
      }
    }
    for (const auto& each : gone) unmap(each);
    if (!ours) self.give_below_(block);
  }

  c10::Allocator* const below_;
  const c10::DeleterFnPtr give_below_;
  std::mutex mutex_;
  std::multiset<size_t> open_;  // what each scope lets lie idle
  size_t idle_bytes_ = 0, lent_bytes_ = 0, lent_peak_ = 0;
  std::list<Idle> idle_;
  std::unordered_map<void*, size_t> lent_;
};

}  // namespace

BufferReuse::BufferReuse(int64_t most_bytes) : most_bytes_(most_bytes) { Pool::get().open(most_bytes); }
BufferReuse::~BufferReuse() { Pool::get().close(most_bytes_); }

}  // namespace gmiseg::runtime
