// The k nearest rows, or documents, of an IndexView. Used by the engine, on any thread.
//
//   SearchScratch scratch;  // one a thread, reused
//   KITH_ASSIGN_OR_RETURN(auto result,
//                         Search(view, {.queries = query, .k = 10}, call, scratch));
//
// By default rows are scanned by their 8-bit codes. A code score comes with a proven error bound,
// rows that can still be among the k best are scored again on the exact vectors, and so the answer
// is the same as that of `exact`, at about a fourth of the bytes read.

#ifndef KITH_INDEX_SEARCH_H_
#define KITH_INDEX_SEARCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "kith/base/call.h"

namespace kith::index {

struct SearchParams {
  // One or more query vectors, end to end: [count][dimension]. With several each asks, and a row's
  // score is the best that any of them gives it.
  std::span<const float> queries = {};
  uint32_t k = 10;
  bool exact = false;                          // scan the exact vectors instead of the codes
  bool group_by_document = false;              // k documents, each by its best passage
  std::span<const OrdinalRange> exclude = {};  // rows that are not wanted; a handful of ranges
};

struct Hit {
  uint64_t ordinal = 0;
  uint32_t passage_index = 0;
  float score = 0;

  uint64_t document() const { return ordinal - passage_index; }
  friend bool operator==(const Hit&, const Hit&) = default;
};

struct SearchResult {
  std::vector<Hit> hits;  // best first; ties: the lower ordinal first. min(k, matches) of them
  uint64_t rows_scanned = 0;
  uint64_t rows_rescored = 0;  // of these, scored again on the exact vectors
};

// Memory that searches reuse. Not thread-safe: one search at a time.
class SearchScratch {
 public:
  SearchScratch();
  ~SearchScratch();
  SearchScratch(SearchScratch&&) noexcept;
  SearchScratch& operator=(SearchScratch&&) noexcept;

  struct Buffers;
  Buffers& buffers() { return *buffers_; }

 private:
  std::unique_ptr<Buffers> buffers_;
};

// Checks every query vector as ValidateVector does (the field is "queries[i]"), k >= 1
// (LIMIT_OUT_OF_RANGE), and gives up with call's status when nobody waits any more. The memory
// used does not grow with the rows: O(k), and the passages of one document.
absl::StatusOr<SearchResult> Search(const IndexView& view, const SearchParams& params,
                                    const Call& call, SearchScratch& scratch);

// The exact scores of given rows, in the order given; nullopt for ordinals that the view does not
// show. Equal to what Search says of the same rows. Checks queries as Search does.
absl::StatusOr<std::vector<std::optional<float>>> ExactScores(const IndexView& view,
                                                              std::span<const float> queries,
                                                              std::span<const uint64_t> ordinals,
                                                              const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_SEARCH_H_
