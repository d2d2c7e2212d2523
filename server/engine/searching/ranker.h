// Ranker: one query on one View, ready to be asked: which passages, or documents, answer it best.
// There is one for each kind of query (dense_ranker.h, best_score_ranker.h); what a search does
// with the ranking, it does alike for all of them (search_run.h).
//
// Rankers live for one search on one thread.

#ifndef KITH_SERVER_ENGINE_SEARCHING_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_RANKER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/search.h"
#include "index/slot_set.h"
#include "index/spread.h"
#include "kith/base/call.h"
#include "server/engine/query.h"
#include "server/engine/search.h"
#include "server/engine/searching/stage_clock.h"

namespace kith::engine {

// Which rows may be answered with.
struct Scope {
  // What a filter lets through, as index::SearchParams::allow has it.
  std::span<const index::SlotSet* const> allow = {};
  std::vector<index::OrdinalRange> exclude = {};
};

// What rankers of one search share: what they look at, and where they say what it cost.
struct RankContext {
  const index::IndexView& view;
  const Call& call;
  StageClock* clock = nullptr;  // if somebody wants to know
  SearchAnswer* answer;         // strategy and counts are set and added to
  index::Spread* spread;        // for parts of long searches; may be null
};

struct Candidate {
  index::Hit hit;
  std::vector<PartScore> parts = {};  // of a hybrid query
};

class Ranker {
 public:
  virtual ~Ranker() = default;

  // The `k` best passages, or the `k` best documents by their best passage, best first; ties: the
  // lower ordinal first. Fewer: there are no more. REQUIRES: k >= 1.
  virtual absl::StatusOr<std::vector<Candidate>> Best(const Scope& scope, uint32_t k,
                                                      bool documents) = 0;

  // The best `count` of the `passages` passages that begin with that ordinal, which are one
  // document's that Best found, best first.
  virtual absl::StatusOr<std::vector<Candidate>> BestOf(uint64_t first_ordinal, uint32_t passages,
                                                        size_t count) = 0;
};

// A ranker whose score of a row does not depend on other rows.
class RowRanker : public Ranker {
 public:
  absl::StatusOr<std::vector<Candidate>> BestOf(uint64_t first_ordinal, uint32_t passages,
                                                size_t count) override;

  // Which no score of a row that matches is less than, if there is such a number.
  virtual std::optional<float> floor() const { return std::nullopt; }

  // What Best says of these rows, in the order given; nullopt: the row does not match, or the View
  // does not show it.
  virtual absl::StatusOr<std::vector<std::optional<float>>> Scores(
      std::span<const uint64_t> ordinals) = 0;
};

// The best of each document's, in order. REQUIRES: best first.
void KeepBestOfDocuments(std::vector<Candidate>& candidates);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_RANKER_H_
