// kith.v1 <-> engine: searches. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_SEARCH_H_
#define KITH_SERVER_RPC_TRANSLATE_SEARCH_H_

#include "absl/status/statusor.h"
#include "kith/v1/search_service.pb.h"
#include "server/engine/limits.h"
#include "server/engine/search.h"

namespace kith::rpc {

// `collection` and `at_least` are the caller's to look at.
absl::StatusOr<engine::SearchRequest> ReadSearch(v1::SearchRequest* in,
                                                 const engine::Limits& limits);

// `group_by_document` decides whether a hit lists its passages.
void WriteSearch(engine::SearchAnswer&& answer, bool group_by_document, v1::SearchResponse* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_SEARCH_H_
