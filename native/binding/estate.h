// What wrapped objects hold of the core, and who gives it back: close(), the
// garbage collector, or the environment's end, whichever comes first.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>

namespace gmiseg::binding {

class Releasable {
 public:
  virtual ~Releasable() = default;
  // At the environment's end: give back the core's object, leave V8 alone.
  virtual void release() = 0;
};

// Shared by an environment's Instance and its wrapped objects, because nothing
// promises which of them is finalized last. JS thread only.
struct Estate {
  // Bytes that finalizers freed. V8's account is not to be touched from there,
  // so the next call into the addon settles it.
  int64_t owed = 0;
  std::unordered_set<Releasable*> live;

  void settle(Napi::Env env) {
    if (owed != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -std::exchange(owed, 0));
  }
};

template <typename Core>
class Holding final : public Releasable {
 public:
  Holding(Napi::Env env, std::shared_ptr<Estate> estate, std::shared_ptr<Core> core, size_t bytes)
      : estate_(std::move(estate)), core_(std::move(core)), bytes_(static_cast<int64_t>(bytes)) {
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes_);
    estate_->live.insert(this);
  }
  ~Holding() override {
    estate_->live.erase(this);
    estate_->owed += std::exchange(bytes_, 0);
  }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  // Null once closed.
  const std::shared_ptr<Core>& core() const { return core_; }

  void close(Napi::Env env) {
    core_.reset();
    if (bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -std::exchange(bytes_, 0));
  }
  void release() override { core_.reset(); }

 private:
  const std::shared_ptr<Estate> estate_;
  std::shared_ptr<Core> core_;
  int64_t bytes_;
};

}  // namespace gmiseg::binding
