// Scoring rows of codes, in the way anyone can check.

#include <string.h>

#include "index/kernels/sets.h"

namespace kith::index::portable {
namespace {

constexpr size_t kSums = 16;  // kRowLanes of kernels.h

const unsigned char* Row(const void* base, size_t stride, const uint32_t* ids, size_t i) {
  return static_cast<const unsigned char*>(base) + (ids == nullptr ? i : ids[i]) * stride;
}

// The distance that belongs to a sum. NaN, which only damaged codes can bring, becomes the
// greatest.
float Finish(const CodeWeights& query, const unsigned char* row, float sum) {
  float distance = query.scale * sum + query.bias;
  if (query.addend_offset != 0) {
    float addend;
    memcpy(&addend, row + query.addend_offset, sizeof addend);
    distance += query.addend_scale * addend;
  }
  return distance < kMaxCodeDistance ? distance : kMaxCodeDistance;
}

// Upper half onto lower half, until one sum is left: the order that every set keeps.
float Fold(float (&sums)[kSums]) {
  for (size_t half = kSums / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

// IEEE binary16 to float32: exact, whatever the bits.
float FromHalf(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t sign = (half & 0x8000u) << 16;
  uint32_t bits;
  if (magnitude >= 0x7c00u) {  // infinite or NaN
    bits = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13;
    if ((magnitude & 0x3ffu) != 0) bits |= 0x400000u;  // quiet, as processors make it
  } else if (magnitude >= 0x400u) {
    bits = sign | ((magnitude << 13) + 0x38000000u);
  } else {  // below the normal ones: a multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  }
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances) {
  const int8_t* low = static_cast<const int8_t*>(query.weights);
  const int8_t* high = low + query.bytes;
  for (size_t r = 0; r < n; ++r) {
    const unsigned char* row = Row(base, stride, ids, r);
    int32_t sum = 0;
    for (size_t i = 0; i < query.bytes; ++i) {
      sum += int32_t{low[i]} * (row[i] & 15) + int32_t{high[i]} * (row[i] >> 4);
    }
    distances[r] = Finish(query, row, static_cast<float>(sum));
  }
}

void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances) {
  const int8_t* weights = static_cast<const int8_t*>(query.weights);
  for (size_t r = 0; r < n; ++r) {
    const unsigned char* row = Row(base, stride, ids, r);
    int32_t sum = 0;
    for (size_t i = 0; i < query.bytes; ++i) sum += int32_t{weights[i]} * row[i];
    distances[r] = Finish(query, row, static_cast<float>(sum));
  }
}

void ScoreF16(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances) {
  const float* weights = static_cast<const float*>(query.weights);
  for (size_t r = 0; r < n; ++r) {
    const unsigned char* row = Row(base, stride, ids, r);
    float sums[kSums] = {};
    for (size_t i = 0; i < query.bytes / 2; i += kSums) {
      uint16_t halves[kSums];
      memcpy(halves, row + 2 * i, sizeof halves);
      for (size_t j = 0; j < kSums; ++j) sums[j] += weights[i + j] * FromHalf(halves[j]);
    }
    distances[r] = Finish(query, row, Fold(sums));
  }
}

void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances) {
  const float* weights = static_cast<const float*>(query.weights);
  for (size_t r = 0; r < n; ++r) {
    const unsigned char* row = Row(base, stride, ids, r);
    float sums[kSums] = {};
    for (size_t i = 0; i < query.bytes / 4; i += kSums) {
      float values[kSums];
      memcpy(values, row + 4 * i, sizeof values);
      for (size_t j = 0; j < kSums; ++j) sums[j] += weights[i + j] * values[j];
    }
    distances[r] = Finish(query, row, Fold(sums));
  }
}

void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances) {
  const unsigned char* one = static_cast<const unsigned char*>(a);
  BuildRowTail tail;
  memcpy(&tail, one + bytes, sizeof tail);
  for (size_t r = 0; r < n; ++r) {
    const unsigned char* row = Row(base, stride, ids, r);
    BuildRowTail other;
    memcpy(&other, row + bytes, sizeof other);
    int32_t sum = 0;
    for (size_t i = 0; i < bytes; ++i) {
      sum += (int32_t{one[i]} - kBuildCodeZero) * (int32_t{row[i]} - kBuildCodeZero);
    }
    distances[r] =
        (tail.addend + other.addend) - (tail.scale * other.scale) * static_cast<float>(sum);
  }
}

}  // namespace kith::index::portable
