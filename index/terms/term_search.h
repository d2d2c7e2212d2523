// The k rows that fit a query's words best, by BM25, over the segments of a view. Used by searches,
// on any thread.
//
//   const RowTerms query = analyser->Analyse(text);
//   KITH_ASSIGN_OR_RETURN(auto match, TermMatch::Create(query, sources));  // looks the terms up
//   CorpusStatistics corpus = match.statistics();  // or summed over several shards
//   TermSearchScratch scratch;                     // one a thread, reused
//   KITH_ASSIGN_OR_RETURN(auto result, SearchTerms(match, corpus, {.k = 10}, call, scratch));
//
// The answer is that of scoring every posting: same rows, same scores, same order. Slots are taken
// in windows; what the terms can add to the score of any row of a window is known before (Impacts),
// so that windows are taken best first, and left out once they hold nothing that is wanted. Inside
// a window only the terms that can lift a row over the bar alone are read in full (MaxScore, Turtle
// & Flood 1995, with bounds by block); the others are asked about the rows that are left.
//
// A score is a float64 sum of what each term gives, rounded to a common grid on which sums are
// exact: it does not depend on the order of terms, on what was left out or on the segment, and is
// rounded to float32 once.

#ifndef KITH_INDEX_TERMS_TERM_SEARCH_H_
#define KITH_INDEX_TERMS_TERM_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/terms/bm25.h"
#include "index/terms/growing_terms.h"
#include "index/terms/row_terms.h"
#include "index/terms/term_index.h"
#include "kith/base/call.h"

namespace kith::index {

// A query has at most so many different terms.
inline constexpr size_t kMaxQueryTerms = 1024;

// A segment that is searched: one of the two is not null. Borrowed.
struct TermSource {
  const TermIndex* sealed = nullptr;
  const GrowingTerms* growing = nullptr;
  uint32_t visible = 0;  // of `growing`: how many rows the view shows
  // Which rows may be answered with; empty: all. Asked only of rows whose score may be good enough.
  std::function<bool(uint32_t slot)> allows = nullptr;
};

// The terms of a query with their postings in each source. Immutable; thread-safe. It refers to the
// indexes, and to nothing else that it was made of.
class TermMatch {
 public:
  // Sources in ascending order of ordinals. INVALID_ARGUMENT (TOO_MANY_TOKENS) for a query of more
  // than kMaxQueryTerms. REQUIRES: all sources are of the analyser that made `query`.
  static absl::StatusOr<TermMatch> Create(const RowTerms& query,
                                          std::span<const TermSource> sources);
  ~TermMatch();
  TermMatch(TermMatch&&) noexcept;
  TermMatch& operator=(TermMatch&&) noexcept;

  // Of all sources together, as BM25 counts.
  const CorpusStatistics& statistics() const { return statistics_; }

  struct Source;
  std::span<const Source> sources() const;

 private:
  TermMatch();

  std::vector<Source> sources_;
  CorpusStatistics statistics_;
};

struct TermHit {
  uint32_t source = 0;
  uint32_t slot = 0;
  float score = -std::numeric_limits<float>::infinity();

  friend bool operator==(const TermHit&, const TermHit&) = default;
};

// The order of every answer: higher score first, then the earlier source, then the lower slot.
constexpr bool Better(const TermHit& a, const TermHit& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.source != b.source) return a.source < b.source;
  return a.slot < b.slot;
}

// What takes the hits of a search, for those who want something else than the k best rows (the k
// best documents).
class TermCollector {
 public:
  virtual ~TermCollector() = default;

  // Called for every hit that is Better than bar(), in no particular order, once a row.
  virtual void Collect(const TermHit& hit) = 0;

  // Hits that are not Better than this one are not wanted any more. Must never get worse. Asked
  // after every Collect.
  virtual TermHit bar() const = 0;
};

struct TermSearchParams {
  uint32_t k = 10;  // at least 1
  Bm25Params bm25 = {};
  bool prune = true;  // false: score every posting; the answer is the same
};

struct TermSearchResult {
  std::vector<TermHit> hits;  // best first; rows with none of the terms are no hits
  // What it cost.
  uint64_t postings = 0;            // that the query's terms have in all sources
  uint64_t postings_scored = 0;     // of those, in lists that were read in full
  uint64_t postings_looked_up = 0;  // rows looked for in the other lists
  uint64_t windows = 0;
  uint64_t windows_read = 0;
};

// Memory that searches reuse. Not thread-safe: one search at a time.
class TermSearchScratch {
 public:
  TermSearchScratch();
  ~TermSearchScratch();
  TermSearchScratch(TermSearchScratch&&) noexcept;
  TermSearchScratch& operator=(TermSearchScratch&&) noexcept;

  struct Buffers;
  Buffers& buffers() { return *buffers_; }

 private:
  std::unique_ptr<Buffers> buffers_;
};

// CANCELLED or DEADLINE_EXCEEDED once nobody waits any more. REQUIRES: `corpus` is of the same
// query; params are in range.
absl::StatusOr<TermSearchResult> SearchTerms(const TermMatch& match, const CorpusStatistics& corpus,
                                             const TermSearchParams& params, const Call& call,
                                             TermSearchScratch& scratch);

// The same with a collector; params.k is not looked at, result.hits stays empty.
absl::StatusOr<TermSearchResult> SearchTerms(const TermMatch& match, const CorpusStatistics& corpus,
                                             const TermSearchParams& params, const Call& call,
                                             TermSearchScratch& scratch, TermCollector& collector);

// The scores of given rows of one source, in the order given; 0 for those with none of the terms.
// Equal to what SearchTerms says of the same rows. `allows` is not asked. REQUIRES: slots are in
// range.
std::vector<float> ScoreTerms(const TermMatch& match, const CorpusStatistics& corpus,
                              const Bm25Params& bm25, uint32_t source,
                              std::span<const uint32_t> slots);

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_SEARCH_H_
