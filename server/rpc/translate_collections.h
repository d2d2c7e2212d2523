// kith.v1 <-> engine: collections and operations. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_COLLECTIONS_H_
#define KITH_SERVER_RPC_TRANSLATE_COLLECTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "kith/v1/collection_service.pb.h"
#include "kith/v1/operation.pb.h"
#include "server/engine/operations.h"
#include "server/engine/schema.h"

namespace kith::rpc {

// Output-only fields of the message are ignored, as AIP-203 has it.
absl::StatusOr<engine::CollectionSpec> ReadCollection(const v1::CreateCollectionRequest& in);
// Without a mask, the fields that are set. An unknown path, or nothing to change, is an error.
absl::StatusOr<engine::CollectionUpdate> ReadUpdate(const v1::UpdateCollectionRequest& in);

// The engine's refusal of a spec or an update, with the path of the field in these requests.
absl::Status AtCollection(absl::Status status);

void WriteCollection(const engine::CollectionInfo& info, v1::Collection* out);
void WriteStats(const std::string& name, const engine::CollectionStats& stats,
                v1::GetCollectionStatsResponse* out);
void WriteOperation(const engine::Operation& operation, v1::Operation* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_COLLECTIONS_H_
