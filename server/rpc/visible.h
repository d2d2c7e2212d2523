// What a caller sees of collections and operations: answers of methods whose reach is
// REACH_FILTERED. An unrestricted caller sees everything; a restricted one cannot tell what it may
// not see from what is not there.

#ifndef KITH_SERVER_RPC_VISIBLE_H_
#define KITH_SERVER_RPC_VISIBLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/database.h"
#include "server/security/principal.h"

namespace kith::rpc {

// By name, at most `limit` after `after`.
std::vector<engine::CollectionInfo> VisibleCollections(const engine::Database& database,
                                                       const security::Principal& caller,
                                                       std::string_view after, size_t limit);

// Newest first, at most `limit` that are older than the operation `after`.
std::vector<engine::Operation> VisibleOperations(engine::Database& database,
                                                 const security::Principal& caller,
                                                 std::string_view after, size_t limit);

// NOT_FOUND / OPERATION_NOT_FOUND, in the same words for one of others' and for none.
absl::StatusOr<engine::Operation> VisibleOperation(engine::Database& database,
                                                   const security::Principal& caller,
                                                   std::string_view id);

// The numbers of collections become those of the caller's.
void CountVisible(const engine::Database& database, const security::Principal& caller,
                  engine::ServerInfo* info);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_VISIBLE_H_
