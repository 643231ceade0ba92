#include "runtime/one_thread.h"

#include <omp.h>

// MKL counts for itself once somebody has told it how many; LibTorch has it inside, where it has it at all.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int threads);

namespace gmiseg::runtime {

OneThread::OneThread(bool wanted) : wanted_(wanted) {
  if (!wanted_) return;
  threads_ = omp_get_max_threads();
  omp_set_num_threads(1);
  if (MKL_Set_Num_Threads_Local != nullptr) products_ = MKL_Set_Num_Threads_Local(1);
}

OneThread::~OneThread() {
  if (!wanted_) return;
  omp_set_num_threads(threads_);
  if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(products_);
}

}  // namespace gmiseg::runtime
