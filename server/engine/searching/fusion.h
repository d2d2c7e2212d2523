// Fusing the rankings of a hybrid query's parts into one.
//
//   FusionPool pool(lists);                            // what each part found, best first
//   for (size_t part = 0; part < lists.size(); ++part)  // only to fill in
//     pool.Fill(part, ScoresOf(part, pool.Missing(part)));
//   std::vector<FusedHit> hits = std::move(pool).Fuse(fusion);
//
// Pure: the same lists give the same answer, in any order of parts but for the parts' places in it.

#ifndef KITH_SERVER_ENGINE_SEARCHING_FUSION_H_
#define KITH_SERVER_ENGINE_SEARCHING_FUSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/search.h"
#include "server/engine/query.h"

namespace kith::engine {

// How parts are fused when the request does not say. docs/performance.md has the measurement.
Fusion DefaultFusion(std::span<const HybridQuery::Part> parts);

// INVALID_ARGUMENT (LIMIT_OUT_OF_RANGE) unless k and all weights are in range and there is a weight
// for each part, or none. All zero is refused: it would not order anything.
absl::Status ValidateFusion(const Fusion& fusion, size_t parts);

struct FusedHit {
  index::Hit hit;  // with the fused score
  std::vector<PartScore> parts;
};

class FusionPool {
 public:
  // lists[part]: its candidates, best first, each once.
  explicit FusionPool(std::span<const std::vector<index::Hit>> lists);

  // Ordinals of the candidates that the part did not find, ascending.
  std::vector<uint64_t> Missing(size_t part) const;

  // What the part says of them, in the order of Missing(part); nullopt: the row does not match (it
  // has none of the words, say). Filled-in rows are ranked among those that were found. `floor`:
  // which no row that matches scores less than; where some do not match, it is the worst score.
  void Fill(size_t part, std::span<const std::optional<float>> scores,
            std::optional<float> floor = std::nullopt);

  // All candidates of all parts, best first. A hit's contributions are rounded so that they add up
  // to its score exactly, in float32 and in any order.
  std::vector<FusedHit> Fuse(const Fusion& fusion) &&;

 private:
  struct Row {
    size_t hit;  // in hits_
    float score;
    bool filled_in;
  };

  void Rank(size_t part);

  std::vector<FusedHit> hits_;                // ascending by ordinal
  std::vector<std::optional<float>> floors_;  // [part]
  std::vector<std::vector<Row>> rows_;        // [part], best first once ranked
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_FUSION_H_
