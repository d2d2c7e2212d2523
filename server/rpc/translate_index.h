// kith.v1 <-> engine: what belongs to the index: its options and status, measured recall, estimates
// of memory. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_INDEX_H_
#define KITH_SERVER_RPC_TRANSLATE_INDEX_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/v1/admin_service.pb.h"
#include "kith/v1/collection_service.pb.h"
#include "kith/v1/search_service.pb.h"
#include "server/engine/index_admin.h"
#include "server/engine/limits.h"
#include "server/engine/schema.h"

namespace kith::rpc {

// Zeros are the defaults. Errors have the path "index.quantization"; ranges are the engine's.
absl::StatusOr<engine::IndexSettings> ReadIndexOptions(const v1::IndexOptions& in);
void WriteIndexOptions(const engine::IndexSettings& settings, v1::IndexOptions* out);

void WriteIndexStatus(const std::string& collection, const engine::IndexStatus& status,
                      v1::GetIndexStatusResponse* out);

// The vectors must be of one length; that it is the collection's is the engine's to say.
absl::StatusOr<engine::RecallRequest> ReadRecall(const v1::MeasureRecallRequest& in,
                                                 const engine::Limits& limits);
void WriteRecall(const engine::RecallAnswer& answer, v1::MeasureRecallResponse* out);

// `dimension` stays 0 if the request leaves it to an encoder.
absl::StatusOr<engine::EstimateRequest> ReadEstimate(const v1::EstimateCollectionRequest& in);
// The engine's refusal of an estimate, with the path of the field in the request.
absl::Status AtEstimate(absl::Status status);
void WriteEstimate(const engine::Estimate& estimate, v1::EstimateCollectionResponse* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_INDEX_H_
