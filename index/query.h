// The query vectors of one search, made ready: quantised for the scan of codes, with what is needed
// to score a row exactly. Internal to index/.

#ifndef KITH_INDEX_QUERY_H_
#define KITH_INDEX_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/growing_segment.h"
#include "index/index_view.h"
#include "index/quantizer.h"

namespace kith::index {

struct Query {
  const float* exact;    // [dimension], the caller's
  const int16_t* codes;  // [code_stride], zero beyond dimension
  Quantized quantized;
};

class QuerySet {
 public:
  // Checks the vectors ("queries[i]") and prepares them; `vectors` must outlive the set's use.
  absl::Status Prepare(const IndexOptions& options, std::span<const float> vectors);

  const IndexOptions& options() const { return options_; }
  std::span<const Query> queries() const { return queries_; }

  // The exact score of a row: the best over the queries, rounded to float32 so that scores which
  // print alike compare alike. Never NaN; within [-1, 1] under cosine. `norm` is RowInfo::norm, and
  // asked for under cosine alone.
  float Score(const float* exact, double norm) const;

 private:
  IndexOptions options_;
  std::vector<Query> queries_;
  std::vector<int16_t> codes_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_QUERY_H_
