// RecommendQuery::Method::kBestScore: ranks by the best score that any positive example gives; rows
// that score at least as much with a negative one do not match.

#ifndef KITH_SERVER_ENGINE_SEARCHING_BEST_SCORE_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_BEST_SCORE_RANKER_H_

#include <span>
#include <utility>
#include <vector>

#include "server/engine/searching/dense_ranker.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {

class BestScoreRanker : public RowRanker {
 public:
  // Vectors of the examples, end to end; there is at least one of each kind.
  BestScoreRanker(const RankContext& context, std::vector<float> positive,
                  std::vector<float> negative, const DenseTuning& tuning)
      : context_(context),
        positive_(context, std::move(positive), tuning),
        negative_(context, std::move(negative), tuning) {}

  // Goes through ever more of what is near the positive examples until enough of it matches.
  absl::StatusOr<std::vector<Candidate>> Best(const Scope& scope, uint32_t k,
                                              bool documents) override;
  absl::StatusOr<std::vector<std::optional<float>>> Scores(
      std::span<const uint64_t> ordinals) override;

 private:
  const RankContext& context_;
  DenseRanker positive_;
  DenseRanker negative_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_BEST_SCORE_RANKER_H_
