// Pooling: how the vectors of a sequence's tokens become one embedding.

#ifndef KITH_ENCODER_POOLING_H_
#define KITH_ENCODER_POOLING_H_

#include <string_view>

namespace kith::encoder {

// All of them look at the special tokens too.
enum class Pooling { kMean, kCls, kMax, kLastToken };
std::string_view PoolingName(Pooling pooling);  // "mean", "cls", "max", "lasttoken"

// One embedding from a sequence. tokens: [num_tokens, size], num_tokens >= 1; out: [size].
void Pool(Pooling pooling, const float* tokens, int num_tokens, int size, float* out);

// Scales `vector` [size] to length 1. A vector of zeros stays as it is.
void Normalise(float* vector, int size);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_POOLING_H_
