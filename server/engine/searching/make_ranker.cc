#include "server/engine/searching/make_ranker.h"

#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/average_query.h"
#include "server/engine/searching/best_score_ranker.h"

namespace kith::engine {
namespace {

using Vectors = std::span<const QueryVectors* const>;

std::vector<float> EndToEnd(Vectors vectors) {
  std::vector<float> all;
  for (const QueryVectors* one : vectors) {
    all.insert(all.end(), one->values.begin(), one->values.end());
  }
  return all;
}

std::vector<std::vector<float>> EachAlone(Vectors vectors) {
  std::vector<std::vector<float>> all;
  for (const QueryVectors* one : vectors) all.push_back(one->values);
  return all;
}

absl::StatusOr<std::unique_ptr<Ranker>> MakeRecommender(const RankContext& context,
                                                        const RecommendQuery& query,
                                                        Vectors vectors,
                                                        const DenseTuning& tuning) {
  const Vectors positive = vectors.first(query.positive.size());
  const Vectors negative = vectors.subspan(query.positive.size());
  if (query.method == RecommendQuery::Method::kBestScore) {
    if (negative.empty()) {
      return std::make_unique<DenseRanker>(context, EndToEnd(positive), tuning);
    }
    return std::make_unique<BestScoreRanker>(context, EndToEnd(positive), EndToEnd(negative),
                                             tuning);
  }
  const index::IndexOptions& options = context.view.options();
  auto average =
      AverageQuery(EachAlone(positive), EachAlone(negative), options.dimension, options.metric);
  if (!average.ok()) return InField(std::move(average).status(), "query.recommend");
  return std::make_unique<DenseRanker>(context, *std::move(average), tuning);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ranker>> MakeRanker(const RankContext& context, const Query& query,
                                                   Vectors vectors, const DenseTuning& tuning) {
  if (const auto* recommend = std::get_if<RecommendQuery>(&query)) {
    return MakeRecommender(context, *recommend, vectors, tuning);
  }
  return std::make_unique<DenseRanker>(context, EndToEnd(vectors), tuning);
}

}  // namespace kith::engine
