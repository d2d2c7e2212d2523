#include "encoder/pooling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kith::encoder {

std::string_view PoolingName(Pooling pooling) {
  switch (pooling) {
    case Pooling::kMean:
      return "mean";
    case Pooling::kCls:
      return "cls";
    case Pooling::kMax:
      return "max";
    case Pooling::kLastToken:
      return "lasttoken";
  }
  return "";
}

void Pool(Pooling pooling, const float* tokens, int num_tokens, int size, float* out) {
  const float* last = tokens + static_cast<size_t>(num_tokens - 1) * size;
  if (pooling == Pooling::kLastToken) {
    std::copy(last, last + size, out);
    return;
  }
  std::copy(tokens, tokens + size, out);
  if (pooling == Pooling::kCls) return;
  for (const float* token = tokens + size; token <= last; token += size) {
    if (pooling == Pooling::kMean) {
      for (int c = 0; c < size; ++c) out[c] += token[c];
    } else {
      for (int c = 0; c < size; ++c) out[c] = std::max(out[c], token[c]);
    }
  }
  if (pooling == Pooling::kMean) {
    const float scale = 1.0f / static_cast<float>(num_tokens);
    for (int c = 0; c < size; ++c) out[c] *= scale;
  }
}

void Normalise(float* vector, int size) {
  double squares = 0;
  for (int c = 0; c < size; ++c) squares += static_cast<double>(vector[c]) * vector[c];
  if (squares == 0) return;
  const double scale = 1.0 / std::sqrt(squares);
  for (int c = 0; c < size; ++c) vector[c] = static_cast<float>(vector[c] * scale);
}

}  // namespace kith::encoder
