// CodeQuery: one query against the coded rows of one segment. Prepared once a (query, segment),
// then asked for many rows at a time; the hot function of graph walks and code scans.
//
// Code distances are approximate, lower is nearer, and comparable inside one (segment, query) only:
// they estimate the cosine distance, the squared Euclidean distance or the negative inner product,
// divided by something that keeps them in the range of float32. On every machine they come out the
// same, bit for bit.
//
// Reused from query to query: buffers grow once. Not thread-safe while prepared; const functions
// are. Never allocates, locks or calls virtual functions after Prepare.

#ifndef KITH_INDEX_CODES_CODE_QUERY_H_
#define KITH_INDEX_CODES_CODE_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/codes/code_book.h"
#include "index/kernels/kernels.h"

namespace kith::index {

class CodeQuery {
 public:
  // REQUIRES: ValidateVector took the query. Keeps nothing of `book` and `query`. Costs about as
  // much as a hundred distances.
  void Prepare(const CodeBook& book, const float* query, const Kernels& kernels);

  // distances[i] = the code distance of the row at base + ids[i] * stride. Rows ahead are
  // prefetched.
  void Gather(const std::byte* base, size_t stride, const uint32_t* ids, size_t n,
              float* distances) const {
    score_rows_(weights_, base, stride, ids, n, distances);
  }

  // distances[i] = the code distance of the row at base + i * stride.
  void Scan(const std::byte* base, size_t stride, size_t n, float* distances) const {
    score_rows_(weights_, base, stride, nullptr, n, distances);
  }

  float Distance(const std::byte* row) const {
    float distance;
    score_rows_(weights_, row, 0, nullptr, 1, &distance);
    return distance;
  }

  // The code distance that a row with this exact score (QuerySet::Score) would have without error.
  float DistanceOf(float score) const;

  // The code distance that hardly any row with this exact score, or a better one, exceeds: of the
  // pairs of rows that CodeBook::Learn looked at, one in a thousand. So candidates in order of code
  // distance may be left unscored from the first one on that is over Reach(the k-th best score). It
  // is a statistic, not a bound: what a search promises must be measured with it in place.
  float Reach(float score) const;

  // The squared Euclidean distance that this code distance estimates (of vectors scaled to norm 1,
  // under cosine), and one that the row's own hardly exceeds: Reach from the other side. Not under
  // dot, where there is none.
  double SquaredDistance(float distance) const;
  double SquaredReach(float distance) const;

 private:
  friend class CodeBook;

  double SetIntegers(const CodeBook& book, int8_t* weights, double& constant);
  void SetFloats(const CodeBook& book, float* weights) const;
  double ToDistance(double score) const;
  double ErrorShape(double distance) const;
  float Deviation(float distance, double exact) const;

  Metric metric_ = Metric::kCosine;
  ScoreRows score_rows_ = nullptr;
  CodeWeights weights_ = {};
  double gain_ = 1;                // (squared) distance to code distance
  double error_unit_ = 1;          // the book's spread in units of code distance
  double spread_ = 0;              // how errors grow with the distance
  double floor_ = 0;               // what they are at distance 0
  std::vector<float> vector_;      // [padded_] the query as formulas have it
  std::vector<float> rounded_;     // [padded_] integer weights
  std::vector<std::byte> buffer_;  // what weights_.weights points into
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_CODE_QUERY_H_
