// Threads for loops of our own; LibTorch's parallel_for is sequential in code that is built without OpenMP.
#pragma once

#include <cstdint>
#include <functional>

namespace gmiseg::runtime {

// How many threads pay for `work` pieces when each should get `grain` at least; at
// most LibTorch's number of threads for the calling thread, at least one.
int threads_for(int64_t work, int64_t grain);

// Runs `work` on that many threads at once, the calling one among them. `work` takes
// its pieces from a counter until there are none left. Returns when all have ended,
// and rethrows the first exception.
void on_threads(int threads, const std::function<void()>& work);

}  // namespace gmiseg::runtime
