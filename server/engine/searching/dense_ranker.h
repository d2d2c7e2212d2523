// Ranks by vectors: index::Search, tuned as the request says.

#ifndef KITH_SERVER_ENGINE_SEARCHING_DENSE_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_DENSE_RANKER_H_

#include <span>
#include <utility>
#include <vector>

#include "server/engine/searching/ranker.h"

namespace kith::engine {

// How good the answer must be, as index::SearchParams has it.
struct DenseTuning {
  bool exact = false;
  double target_recall = kDefaultTargetRecall;
  uint32_t ef = 0;
  double ef_boost = 1;
};
DenseTuning TuningOf(const SearchRequest& request, double boost);

class DenseRanker : public RowRanker {
 public:
  // `queries`: [n][dimension], of which each asks. The context outlives the ranker.
  DenseRanker(const RankContext& context, std::vector<float> queries, const DenseTuning& tuning)
      : context_(context), queries_(std::move(queries)), tuning_(tuning) {}

  absl::StatusOr<std::vector<Candidate>> Best(const Scope& scope, uint32_t k,
                                              bool documents) override;
  absl::StatusOr<std::vector<std::optional<float>>> Scores(
      std::span<const uint64_t> ordinals) override;

 private:
  const RankContext& context_;
  const std::vector<float> queries_;
  const DenseTuning tuning_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_DENSE_RANKER_H_
