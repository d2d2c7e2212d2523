#include "encoder/onednn.h"

#include "kith/base/error.h"
#include "oneapi/dnnl/dnnl.h"

#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
// From the OpenMP runtime that oneDNN is linked to. Declared here because the compiler's own omp.h
// may be another runtime's, or absent.
extern "C" void omp_set_num_threads(int threads);
#endif

namespace kith::encoder {
namespace {

// oneDNN's sgemm spreads over OpenMP's threads. Their number is a setting of each calling thread.
void StayOnThisThread() {
#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
  thread_local bool set = false;
  if (!set) omp_set_num_threads(1);
  set = true;
#endif
}

}  // namespace

absl::Status OneDnnMultiply(int m, int n, int k, ConstMatrix a, ConstMatrix b, bool add, Matrix c) {
  StayOnThisThread();
  const dnnl_status_t status = dnnl_sgemm('N', 'N', m, n, k, 1.0f, a.data, a.stride, b.data,
                                          b.stride, add ? 1.0f : 0.0f, c.data, c.stride);
  if (status == dnnl_success) return absl::OkStatus();
  if (status == dnnl_out_of_memory) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "no memory for a matrix product of {} x {} x {}", m, n, k);
  }
  return Error(absl::StatusCode::kInternal, reason::kInternal,
               "oneDNN refused a matrix product of {} x {} x {} with status {}", m, n, k,
               static_cast<int>(status));
}

}  // namespace kith::encoder
