#include "server/engine/searching/best_score_ranker.h"

#include <algorithm>
#include <utility>

#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

// How many times more rows are looked at when too few matched.
constexpr uint64_t kDeepen = 4;

}  // namespace

absl::StatusOr<std::vector<Candidate>> BestScoreRanker::Best(const Scope& scope, uint32_t k,
                                                             bool documents) {
  for (uint64_t looked_at = uint64_t{2} * k;; looked_at *= kDeepen) {
    // One more than there are: then all of them come, and fewer than asked for.
    const auto rows = static_cast<uint32_t>(std::min(looked_at, context_.view.live_rows() + 1));
    KITH_ASSIGN_OR_RETURN(std::vector<Candidate> near, positive_.Best(scope, rows, false));
    const bool all = near.size() < rows;
    std::vector<uint64_t> ordinals;
    for (const Candidate& candidate : near) ordinals.push_back(candidate.hit.ordinal);
    KITH_ASSIGN_OR_RETURN(const auto against, negative_.Scores(ordinals));
    size_t next = 0;
    std::erase_if(near, [&](const Candidate& candidate) {
      const std::optional<float>& score = against[next++];
      return score.has_value() && *score >= candidate.hit.score;
    });
    if (documents) KeepBestOfDocuments(near);
    if (near.size() < k && !all) continue;
    if (near.size() > k) near.resize(k);
    if (context_.clock != nullptr) {
      context_.clock->End("best_score", "rows that are nearer to a negative example were left out",
                          {{"looked_at", ordinals.size()}, {"candidates", near.size()}});
    }
    return near;
  }
}

absl::StatusOr<std::vector<std::optional<float>>> BestScoreRanker::Scores(
    std::span<const uint64_t> ordinals) {
  KITH_ASSIGN_OR_RETURN(auto scores, positive_.Scores(ordinals));
  KITH_ASSIGN_OR_RETURN(const auto against, negative_.Scores(ordinals));
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] && against[i] && *against[i] >= *scores[i]) scores[i].reset();
  }
  return scores;
}

}  // namespace kith::engine
