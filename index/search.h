// The k nearest rows, or documents, of an IndexView. Used by the engine, on any thread.
//
//   SearchScratch scratch;  // one a thread, reused
//   KITH_ASSIGN_OR_RETURN(auto result,
//                         Search(view, {.queries = query, .k = 10}, call, scratch));
//
// Growing segments are scanned by their 8-bit codes. A code score comes with a proven error bound,
// rows that can still be among the k best are scored again on the exact vectors, and so the answer
// is the same as that of `exact`, at about a fourth of the bytes read.
//
// Sealed segments are asked for a recall, each for as many of the k best as it is likely to hold:
// each has measured at sealing what a walk of its graph finds, and takes the cheapest way that
// keeps the promise, which may be a scan of its codes. The best candidates are scored again on the
// exact vectors, so that a score is always the same as that of `exact`; only which rows are found
// is approximate.
//
// A filter (SearchParams::allow) never makes an answer shorter than min(k, matches). Of a sealed
// segment its rows are scanned by their codes, or found by a walk that keeps them (filter_plan.h),
// whichever costs less by what was measured of the segment.

#ifndef KITH_INDEX_SEARCH_H_
#define KITH_INDEX_SEARCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/slot_set.h"
#include "index/spread.h"
#include "kith/base/call.h"

namespace kith::index {

inline constexpr uint32_t kMaxEf = 16384;
inline constexpr double kMinEfBoost = 0.25;

struct SearchParams {
  // One or more query vectors, end to end: [count][dimension]. With several each asks, and a row's
  // score is the best that any of them gives it.
  std::span<const float> queries = {};
  uint32_t k = 10;
  bool exact = false;           // scan the exact vectors, all of them
  double target_recall = 0.95;  // (0, 1]; the share of the k best to find; 1: as exact
  uint32_t ef = 0;      // <= kMaxEf: the pool of each graph walk; 0: whatever target_recall needs
  double ef_boost = 1;  // >= kMinEfBoost: widens or narrows the walks of target_recall (sampler)
  bool group_by_document = false;              // k documents, each by its best passage
  std::span<const OrdinalRange> exclude = {};  // rows that are not wanted; a handful of ranges
  // What a filter lets through: a set for each segment of the view, in their order, each of the
  // segment's visible slots; null: no row of it. Empty: all rows. Deleted rows may be in the sets,
  // and are not found.
  std::span<const SlotSet* const> allow = {};

  // Of view.segments()[segment].
  bool Skips(size_t segment) const { return !allow.empty() && allow[segment] == nullptr; }
  const SlotSet* FilterOf(size_t segment) const { return allow.empty() ? nullptr : allow[segment]; }
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
  // What it cost, and how it was done.
  uint64_t rows_scanned = 0;     // in scans, of codes or of exact vectors
  uint64_t graph_distances = 0;  // computed in walks
  uint64_t rows_rescored = 0;    // of both, scored again on the exact vectors
  uint32_t segments_scanned = 0;
  uint32_t segments_walked = 0;
  // Of those, by a filter: its rows alone were scanned, or a walk kept to them.
  uint32_t segments_filter_scanned = 0;
  uint32_t segments_filter_walked = 0;
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

// REQUIRES: params.allow fits the view.
//
// Checks every query vector as ValidateVector does (the field is "queries[i]"), and k, ef,
// target_recall and ef_boost (LIMIT_OUT_OF_RANGE); gives up with call's status when nobody waits
// any more. DATA_LOSS (CORRUPTION) when it meets a damaged block of a sealed segment, which is
// flagged. The memory used does not grow with the rows but for a visited mark each: O(k + ef), and
// the passages of one document.
//
// `spread`, where there is one, runs the segments' parts of a search for rows side by side; the
// answer is the same but for what walks find by chance. Searches for documents do not use it.
absl::StatusOr<SearchResult> Search(const IndexView& view, const SearchParams& params,
                                    const Call& call, SearchScratch& scratch,
                                    Spread* spread = nullptr);

// The exact scores of given rows, in the order given; nullopt for ordinals that the view does not
// show. Equal to what Search says of the same rows. Checks queries as Search does.
absl::StatusOr<std::vector<std::optional<float>>> ExactScores(const IndexView& view,
                                                              std::span<const float> queries,
                                                              std::span<const uint64_t> ordinals,
                                                              const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_SEARCH_H_
