#include "encoder/gemm.h"

#include <algorithm>

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

absl::Status Sgemm(char trans_b, int m, int n, int k, float scale, ConstMatrix a, ConstMatrix b,
                   Matrix c) {
  StayOnThisThread();
  const dnnl_status_t status = dnnl_sgemm('N', trans_b, m, n, k, scale, a.data, a.stride, b.data,
                                          b.stride, 0.0f, c.data, c.stride);
  if (status == dnnl_success) return absl::OkStatus();
  if (status == dnnl_out_of_memory) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "no memory for a matrix product of {} x {} x {}", m, n, k);
  }
  return Error(absl::StatusCode::kInternal, reason::kInternal,
               "oneDNN refused a matrix product of {} x {} x {} with status {}", m, n, k,
               static_cast<int>(status));
}

}  // namespace

absl::Status MultiplyTransposed(int m, int n, int k, float scale, ConstMatrix a, ConstMatrix b,
                                Matrix c) {
  return Sgemm('T', m, n, k, scale, a, b, c);
}

absl::Status Multiply(int m, int n, int k, ConstMatrix a, ConstMatrix b, Matrix c) {
  return Sgemm('N', m, n, k, 1.0f, a, b, c);
}

// oneDNN multiplies by a [k, n] matrix up to 1.3 times as fast as by a transposed one when there
// are few rows (one query), and as fast when there are many. The 16 floats after each row keep rows
// of 2^i x 3 floats from falling into the same cache sets: 72 instead of 51 GFLOP/s for 12 rows and
// 1,536 outputs.
LinearWeights::LinearWeights(const float* weights, int outputs, int inputs)
    : outputs_(outputs),
      inputs_(inputs),
      stride_(outputs + 16),
      transposed_(static_cast<size_t>(inputs) * (outputs + 16)) {
  float* to = transposed_.data();
  std::fill(to, to + transposed_.size(), 0.0f);
  // By blocks, so that the columns written stay in the cache.
  constexpr int kBlock = 32;
  for (int out = 0; out < outputs; out += kBlock) {
    const int out_end = std::min(out + kBlock, outputs);
    for (int in = 0; in < inputs; ++in) {
      for (int o = out; o < out_end; ++o) {
        to[static_cast<size_t>(in) * stride_ + o] = weights[static_cast<size_t>(o) * inputs + in];
      }
    }
  }
}

absl::Status LinearWeights::Apply(const float* x, int rows, float* y) const {
  return Multiply(rows, outputs_, inputs_, {x, inputs_}, {transposed_.data(), stride_},
                  {y, outputs_});
}

}  // namespace kith::encoder
