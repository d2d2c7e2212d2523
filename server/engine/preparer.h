// The preparer: the first half of a write. It validates documents, splits their texts, encodes the
// passages, and makes ids and times. Any number of writes are prepared at once; nothing is locked.

#ifndef KITH_SERVER_ENGINE_PREPARER_H_
#define KITH_SERVER_ENGINE_PREPARER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "server/engine/encoders.h"
#include "server/engine/prepared_write.h"
#include "server/engine/row_maker.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/write.h"

namespace kith::engine {

// What of a collection decides how a document is prepared.
struct PrepareContext {
  uint32_t shard = 0;
  VectorSpace space;
  CollectionOptions options;
  std::shared_ptr<const RowMaker> rows;
  // The space's encoder; null for a space without one; an error if it has one that is not to be
  // had.
  absl::StatusOr<EncoderRef> encoder;
};

using Prepared = std::unique_ptr<PreparedWrite>;
// Called once, from a thread of the engine. The write's `done` is not set.
using PreparedDone = std::function<void(absl::StatusOr<Prepared>)>;

// Prepares on the calling thread what is not encoding: call it on the executor `prepares`.
void PrepareUpsert(const Services& services, const PrepareContext& context, UpsertRequest request,
                   std::shared_ptr<const Call> call, PreparedDone done);

absl::StatusOr<Prepared> PrepareDelete(const Services& services, const CollectionOptions& options,
                                       DeleteRequest request, std::shared_ptr<const Call> call);

absl::StatusOr<Prepared> PrepareUpdate(const Services& services, const CollectionOptions& options,
                                       UpdateMetadataRequest request,
                                       std::shared_ptr<const Call> call);

// ENCODER_UNAVAILABLE, NO_ENCODER or OK, before a text can be encoded.
absl::StatusOr<EncoderRef> RequireEncoder(const PrepareContext& context);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_PREPARER_H_
