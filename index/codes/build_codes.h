// BuildCoder: symmetric 7-bit codes for building graphs, where rows are compared with rows. Every
// row has a scale of its own, so that codes serve rows of any norm; distances are those between the
// coded rows, true distances of points that lie within a few parts in a hundred of the real ones:
// identical codes are at distance 0 (cosine, l2), and the triangle inequality holds under l2.
//
// Codes live as long as the build and are never stored. Immutable once made; thread-safe.

#ifndef KITH_INDEX_CODES_BUILD_CODES_H_
#define KITH_INDEX_CODES_BUILD_CODES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/kernels/kernels.h"
#include "index/metric.h"

namespace kith::index {

class BuildCoder {
 public:
  // The sample (rows that ValidateVector took, at least one; 1,000 are plenty) gives the mean that
  // is subtracted under l2, and the unit of distances. REQUIRES: 1 <= dimension <= kMaxDimension.
  BuildCoder(Metric metric, uint32_t dimension, std::span<const float* const> sample,
             const Kernels& kernels);

  // What a coded row takes: a multiple of 32. Codes that start at a multiple of 64 are read
  // fastest.
  size_t row_bytes() const { return row_bytes_; }

  // Writes row_bytes() bytes. REQUIRES: ValidateVector took the row.
  void Encode(const float* row, std::byte* code) const;

  // Lower is nearer: the cosine distance, the squared Euclidean distance or the negative inner
  // product of coded rows, the latter two in units of the sample's mean square norm.
  float Distance(const std::byte* a, const std::byte* b) const {
    float distance;
    score_build_rows_(a, code_bytes_, b, 0, nullptr, 1, &distance);
    return distance;
  }

  // distances[i] = Distance(a, base + ids[i] * row_bytes()). Rows ahead are prefetched.
  void Distances(const std::byte* a, const std::byte* base, const uint32_t* ids, size_t n,
                 float* distances) const {
    score_build_rows_(a, code_bytes_, base, row_bytes_, ids, n, distances);
  }

 private:
  void Normalize(const float* row, double* to) const;

  const Metric metric_;
  const uint32_t dimension_;
  const size_t code_bytes_;
  const size_t row_bytes_;
  ScoreBuildRows score_build_rows_;
  double unit_ = 1;
  std::vector<double> mean_;  // [dimension]; zeros under dot
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_BUILD_CODES_H_
