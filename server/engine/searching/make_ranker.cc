#include "server/engine/searching/make_ranker.h"

#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/average_query.h"
#include "server/engine/searching/best_score_ranker.h"
#include "server/engine/searching/fusion.h"
#include "server/engine/searching/hybrid_ranker.h"
#include "server/engine/searching/lexical_ranker.h"

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

absl::StatusOr<std::unique_ptr<RowRanker>> MakeRecommender(const RankContext& context,
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

absl::StatusOr<std::unique_ptr<RowRanker>> MakeLeafRanker(const RankContext& context,
                                                          const Leaf& leaf,
                                                          const QueryVectors& vectors,
                                                          const DenseTuning& tuning) {
  if (leaf.lexical() == nullptr) {
    return std::make_unique<DenseRanker>(context, vectors.values, tuning);
  }
  auto ranker = LexicalRanker::Create(context, leaf.words);
  if (!ranker.ok()) return InField(std::move(ranker).status(), leaf.field);
  return *std::move(ranker);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ranker>> MakeHybridRanker(const RankContext& context,
                                                         const HybridQuery& query,
                                                         std::span<const Leaf> leaves,
                                                         Vectors vectors,
                                                         const DenseTuning& tuning) {
  std::vector<std::unique_ptr<RowRanker>> parts;
  for (size_t i = 0; i < leaves.size(); ++i) {
    KITH_ASSIGN_OR_RETURN(auto part, MakeLeafRanker(context, leaves[i], *vectors[i], tuning));
    parts.push_back(std::move(part));
  }
  return std::make_unique<HybridRanker>(
      context, std::move(parts),
      HybridRanker::Options{query.fusion ? *query.fusion : DefaultFusion(query.parts),
                            query.candidates, query.fill_in.value_or(!query.fusion)});
}

absl::StatusOr<std::unique_ptr<RowRanker>> MakeRowRanker(const RankContext& context,
                                                         const Query& query,
                                                         std::span<const Leaf> leaves,
                                                         Vectors vectors,
                                                         const DenseTuning& tuning) {
  if (const auto* recommend = std::get_if<RecommendQuery>(&query)) {
    return MakeRecommender(context, *recommend, vectors, tuning);
  }
  return MakeLeafRanker(context, leaves.front(), *vectors.front(), tuning);
}

}  // namespace kith::engine
