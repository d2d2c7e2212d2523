// BM25 (Robertson & Zaragoza 2009), in the form that Lucene computes since version 8:
//
//   score(row) = sum over the query's different terms t of
//                idf_t * tf / (tf + k1 * (1 - b + b * length / average_length))
//   idf_t      = ln(1 + (rows - rows_t + 0.5) / (rows_t + 0.5))
//
// with tf how often t is in the row. How often it is in the query does not matter (Lucene adds it
// up): in long questions the words that are repeated are those that mean least. Scores are above 0
// and have no upper bound; those of different queries cannot be compared.
//
// The statistics of the corpus are not part of any index: they are summed over all segments of a
// view (or all shards) when a query comes, so that a row scores the same wherever it lies.

#ifndef KITH_INDEX_TERMS_BM25_H_
#define KITH_INDEX_TERMS_BM25_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::index {

struct Bm25Params {
  double k1 = 1.2;  // 0..1000: how much a term's repetition counts; 0: not at all
  double b = 0.75;  // 0..1: how much long rows are held back; 0: not at all
};

// What BM25 knows of a corpus. Deleted rows count until a merge drops them, in all three alike.
struct CorpusStatistics {
  uint64_t rows = 0;
  uint64_t total_length = 0;        // of all rows, in terms
  std::vector<uint64_t> term_rows;  // how many rows have the query's i-th term

  // Adds those of another part of the corpus. REQUIRES: of the same query, or empty.
  void Add(const CorpusStatistics& other) {
    rows += other.rows;
    total_length += other.total_length;
    if (term_rows.size() < other.term_rows.size()) term_rows.resize(other.term_rows.size());
    for (size_t i = 0; i < other.term_rows.size(); ++i) term_rows[i] += other.term_rows[i];
  }

  double average_length() const {
    return rows == 0 ? 1 : static_cast<double>(total_length) / static_cast<double>(rows);
  }
};

// 0 or more, whatever the numbers are.
inline double Bm25Idf(uint64_t rows, uint64_t term_rows) {
  const double without = rows > term_rows ? static_cast<double>(rows - term_rows) : 0;
  return std::log1p((without + 0.5) / (static_cast<double>(term_rows) + 0.5));
}

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_BM25_H_
