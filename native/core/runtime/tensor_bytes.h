// How much memory tensors take, as LibTorch's own allocators report it, and a process as the system does.
#pragma once

#include <cstdint>
#include <memory>

namespace gmiseg::runtime {

// Counts what this thread (and the backward pass that it starts) allocates and frees while it lives, on any
// device. What was there before does not count until it is freed.
class TensorBytes {
 public:
  TensorBytes();
  ~TensorBytes();
  TensorBytes(const TensorBytes&) = delete;
  TensorBytes& operator=(const TensorBytes&) = delete;

  int64_t now() const;
  int64_t peak() const;

 private:
  struct Scope;
  std::unique_ptr<Scope> scope_;
};

// Gives the heap's free pages back to the system, once.
void trim_heap();

// Resident memory of this process, after what it holds in reserve was given back; 0 where the system does not
// tell.
int64_t resident_bytes();

// From now on memory of freed tensors goes back to the system at once, instead of waiting in the heap for the
// next one of its size: a little slower, and what is resident is what is in use. For the whole process.
void give_memory_back();

}  // namespace gmiseg::runtime
