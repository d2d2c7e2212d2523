// kith.v1 <-> engine: searches. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_SEARCH_H_
#define KITH_SERVER_RPC_TRANSLATE_SEARCH_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "kith/v1/search_service.pb.h"
#include "server/engine/encoders.h"
#include "server/engine/limits.h"
#include "server/engine/search.h"

namespace kith::rpc {

// How good the answer must be; all unset: as good as by default.
struct Tuning {
  bool exact = false;
  std::optional<double> target_recall;
  std::optional<int64_t> ef;
};
// Ranges are the engine's to judge.
Tuning ReadTuning(const v1::Tuning& in);

// `collection` and `at_least` are the caller's to look at. `encoders` has the model of `rerank`.
absl::StatusOr<engine::SearchRequest> ReadSearch(v1::SearchRequest* in,
                                                 const engine::Limits& limits,
                                                 const engine::Encoders& encoders);

// `grouped`: hits are groups, which list their passages.
void WriteSearch(engine::SearchAnswer&& answer, bool grouped, v1::SearchResponse* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_SEARCH_H_
