// Ranks by words: BM25 over the terms of all segments (index/terms/term_search.h). Rows with none
// of the words do not match.

#ifndef KITH_SERVER_ENGINE_SEARCHING_LEXICAL_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_LEXICAL_RANKER_H_

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/terms/row_terms.h"
#include "index/terms/term_search.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {

class LexicalRanker : public RowRanker {
 public:
  // `words`: as the collection's analyser gave them; none: nothing matches. The context outlives
  // the ranker. INVALID_ARGUMENT (TOO_MANY_TOKENS) for more than index::kMaxQueryTerms of them.
  // REQUIRES: segments have companions.
  static absl::StatusOr<std::unique_ptr<LexicalRanker>> Create(const RankContext& context,
                                                               const index::RowTerms& words);

  absl::StatusOr<std::vector<Candidate>> Best(const Scope& scope, uint32_t k,
                                              bool documents) override;
  std::optional<float> floor() const override { return 0.0f; }
  absl::StatusOr<std::vector<std::optional<float>>> Scores(
      std::span<const uint64_t> ordinals) override;

 private:
  explicit LexicalRanker(const RankContext& context) : context_(context) {}

  bool Allows(const index::SegmentView& segment, size_t place, uint32_t slot) const;
  index::Hit HitOf(const index::TermHit& hit) const;

  const RankContext& context_;
  std::unique_ptr<const index::TermMatch> match_;
  const Scope* scope_ = nullptr;  // while Best runs
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_LEXICAL_RANKER_H_
