#include "server/engine/searching/hybrid_ranker.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

// How many times more candidates are fused when they were of too few documents.
constexpr int64_t kDeepen = 4;

std::string Describe(const Fusion& fusion) {
  if (const auto* rrf = std::get_if<RrfFusion>(&fusion)) {
    return fmt::format("reciprocal ranks, k {}, weights [{}]", rrf->k,
                       fmt::join(rrf->weights, ", "));
  }
  const auto& weighted = std::get<WeightedFusion>(fusion);
  const char* const names[] = {"as they are", "by their range", "by mean and deviation"};
  return fmt::format("weighted scores, {}, weights [{}]",
                     names[static_cast<size_t>(weighted.normalisation)],
                     fmt::join(weighted.weights, ", "));
}

}  // namespace

absl::StatusOr<std::vector<Candidate>> HybridRanker::Best(const Scope& scope, uint32_t k,
                                                          bool documents) {
  const int64_t asked = options_.candidates;
  int64_t candidates = asked != 0 ? asked : std::max<int64_t>(kHybridCandidates, k);
  while (true) {
    bool complete = false;
    KITH_ASSIGN_OR_RETURN(
        fused_, Fuse(scope, static_cast<uint32_t>(std::max<int64_t>(candidates, k)), &complete));
    std::vector<Candidate> best = fused_;
    if (documents) KeepBestOfDocuments(best);
    if (best.size() < k && !complete && asked == 0 && candidates < kHybridCandidatesMax) {
      candidates = std::min(candidates * kDeepen, kHybridCandidatesMax);
      continue;
    }
    if (best.size() > k) best.resize(k);
    return best;
  }
}

absl::StatusOr<std::vector<Candidate>> HybridRanker::Fuse(const Scope& scope, uint32_t candidates,
                                                          bool* complete) {
  *complete = true;
  std::vector<std::vector<index::Hit>> lists;
  for (const std::unique_ptr<RowRanker>& part : parts_) {
    KITH_ASSIGN_OR_RETURN(const std::vector<Candidate> found, part->Best(scope, candidates, false));
    if (found.size() >= candidates) *complete = false;
    std::vector<index::Hit>& list = lists.emplace_back();
    for (const Candidate& candidate : found) list.push_back(candidate.hit);
  }
  FusionPool pool(lists);
  uint64_t filled_in = 0;
  if (options_.fill_in) {
    for (size_t part = 0; part < parts_.size(); ++part) {
      const std::vector<uint64_t> missing = pool.Missing(part);
      KITH_ASSIGN_OR_RETURN(const auto scores, parts_[part]->Scores(missing));
      pool.Fill(part, scores, parts_[part]->floor());
      filled_in += missing.size();
    }
  }
  std::vector<Candidate> fused;
  for (FusedHit& hit : std::move(pool).Fuse(options_.fusion)) {
    fused.push_back({hit.hit, std::move(hit.parts)});
  }
  if (context_.clock != nullptr) {
    context_.clock->End("fuse", Describe(options_.fusion),
                        {{"candidates", fused.size()}, {"filled_in", filled_in}});
  }
  return fused;
}

absl::StatusOr<std::vector<Candidate>> HybridRanker::BestOf(uint64_t first_ordinal,
                                                            uint32_t passages, size_t count) {
  std::vector<Candidate> best;
  for (const Candidate& candidate : fused_) {
    if (best.size() == count) break;
    const uint64_t ordinal = candidate.hit.ordinal;
    if (ordinal >= first_ordinal && ordinal - first_ordinal < passages) best.push_back(candidate);
  }
  return best;
}

}  // namespace kith::engine
