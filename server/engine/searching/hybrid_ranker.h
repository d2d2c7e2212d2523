// Ranks by several queries at once: asks each for its best candidates, and fuses their rankings
// (fusion.h).

#ifndef KITH_SERVER_ENGINE_SEARCHING_HYBRID_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_HYBRID_RANKER_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "server/engine/searching/fusion.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {

class HybridRanker : public Ranker {
 public:
  struct Options {
    Fusion fusion;
    int64_t candidates = 0;  // as HybridQuery has it
    bool fill_in = false;
  };

  // One ranker a part. The context outlives this.
  HybridRanker(const RankContext& context, std::vector<std::unique_ptr<RowRanker>> parts,
               Options options)
      : context_(context), parts_(std::move(parts)), options_(std::move(options)) {}

  // Fuses passages. When they are of too few documents, and the number of candidates was not asked
  // for, takes ever more of them.
  absl::StatusOr<std::vector<Candidate>> Best(const Scope& scope, uint32_t k,
                                              bool documents) override;
  // Those of the document that are among the candidates of the last Best.
  absl::StatusOr<std::vector<Candidate>> BestOf(uint64_t first_ordinal, uint32_t passages,
                                                size_t count) override;

 private:
  // All candidates, fused, best first. Sets `complete` if no part has more of them.
  absl::StatusOr<std::vector<Candidate>> Fuse(const Scope& scope, uint32_t candidates,
                                              bool* complete);

  const RankContext& context_;
  const std::vector<std::unique_ptr<RowRanker>> parts_;
  const Options options_;
  std::vector<Candidate> fused_;  // of the last Best, best first
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_HYBRID_RANKER_H_
