// Base and query vectors for index_bench: generated, or read from files of the .fvecs format (each
// vector: its length as a little-endian int32, then so many float32).

#ifndef KITH_BENCH_INDEX_DATA_H_
#define KITH_BENCH_INDEX_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::bench {

struct Vectors {
  uint32_t dimension = 0;
  std::vector<float> values;  // [count][dimension]

  size_t count() const { return dimension == 0 ? 0 : values.size() / dimension; }
  const float* row(size_t i) const { return values.data() + i * dimension; }
};

struct DataSet {
  Vectors base;
  Vectors queries;
  // Of clustered data: which cluster each vector was drawn from.
  std::vector<uint32_t> base_clusters = {};
  std::vector<uint32_t> query_clusters = {};
};

// 2,000 clusters of Zipf-distributed sizes, as embeddings of text have: centres and members differ
// in a few dozen directions strongly and in all of them a little. Queries come from the same
// clusters.
DataSet ClusteredData(size_t count, uint32_t dimension, size_t queries, uint64_t seed);

// Independent normal components: no structure that an index could use.
DataSet GaussianData(size_t count, uint32_t dimension, size_t queries, uint64_t seed);

absl::StatusOr<Vectors> ReadFvecs(const std::string& path);

// Makes every row of norm 1; rows of zeros stay.
void Normalise(Vectors& vectors);

}  // namespace kith::bench

#endif  // KITH_BENCH_INDEX_DATA_H_
