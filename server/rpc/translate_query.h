// kith.v1 <-> engine: what a search looks for. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_QUERY_H_
#define KITH_SERVER_RPC_TRANSLATE_QUERY_H_

#include "absl/status/statusor.h"
#include "kith/v1/search_service.pb.h"
#include "server/engine/limits.h"
#include "server/engine/search.h"

namespace kith::rpc {

// Errors have the path "query" or one below it. Numbers of parts and examples, weights and the like
// are the engine's to judge.
absl::StatusOr<engine::Query> ReadQuery(v1::Query* in, const engine::Limits& limits);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_QUERY_H_
