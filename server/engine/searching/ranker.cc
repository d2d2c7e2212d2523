#include "server/engine/searching/ranker.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"

namespace kith::engine {

absl::StatusOr<std::vector<Candidate>> RowRanker::BestOf(uint64_t first_ordinal, uint32_t passages,
                                                         size_t count) {
  const std::vector<uint64_t> ordinals = OrdinalsFrom(first_ordinal, passages);
  KITH_ASSIGN_OR_RETURN(const auto scores, Scores(ordinals));
  std::vector<Candidate> all;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (scores[i]) all.push_back({{ordinals[i], static_cast<uint32_t>(i), *scores[i]}});
  }
  std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.hit.score != b.hit.score ? a.hit.score > b.hit.score : a.hit.ordinal < b.hit.ordinal;
  });
  if (all.size() > count) all.resize(count);
  return all;
}

void KeepBestOfDocuments(std::vector<Candidate>& candidates) {
  absl::flat_hash_set<uint64_t> seen;
  std::erase_if(candidates, [&](const Candidate& candidate) {
    return !seen.insert(candidate.hit.document()).second;
  });
}

}  // namespace kith::engine
