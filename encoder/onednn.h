// oneDNN's float32 product: portable, and the oracle of our own. The only file that knows oneDNN.
// Runs on the calling thread alone.
//
// Thread-safe.

#ifndef KITH_ENCODER_ONEDNN_H_
#define KITH_ENCODER_ONEDNN_H_

#include "absl/status/status.h"

namespace kith::encoder {

// A row-major matrix somewhere in a larger one: `stride` floats from row to row.
struct ConstMatrix {
  const float* data;
  int stride;
};
struct Matrix {
  float* data;
  int stride;
};

// c [m, n] = a [m, k] b [k, n], or, with `add`, c += a b.
absl::Status OneDnnMultiply(int m, int n, int k, ConstMatrix a, ConstMatrix b, bool add, Matrix c);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_ONEDNN_H_
