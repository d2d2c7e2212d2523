// The preparer: the first half of a write. It validates documents, splits their texts, encodes the
// passages, and makes ids and times. Any number of writes are prepared at once; nothing is locked.

#ifndef KITH_SERVER_ENGINE_PREPARER_H_
#define KITH_SERVER_ENGINE_PREPARER_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "server/engine/encoders.h"
#include "server/engine/prepared_write.h"
#include "server/engine/row_maker.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/space_index.h"
#include "server/engine/write.h"

namespace kith::engine {

// A vector space with all that reading and writing it takes.
struct SpaceInUse {
  VectorSpace space;
  // The space's encoder; null for a space without one; an error if it has one that is not to be
  // had.
  absl::StatusOr<EncoderRef> encoder;
  std::shared_ptr<SpaceIndex> index;
};

// The spaces of a collection at one time: writes go to all of them. Whoever prepares or searches by
// a set holds it, so that who changes it can wait for them.
struct SpaceSet {
  SpaceInUse served;                // that is searched
  std::optional<SpaceInUse> other;  // while the collection is re-embedded
};

// What of a collection decides how a document is prepared, or a search answered.
struct PrepareContext {
  uint32_t shard = 0;
  std::shared_ptr<const SpaceSet> spaces;
  CollectionOptions options;
  std::shared_ptr<const RowMaker> rows;

  const VectorSpace& space() const { return spaces->served.space; }
  const absl::StatusOr<EncoderRef>& encoder() const { return spaces->served.encoder; }
  const std::shared_ptr<SpaceIndex>& index() const { return spaces->served.index; }
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
absl::StatusOr<EncoderRef> RequireEncoder(const SpaceInUse& space);

// A text on its way into a space: cut into passages, which have their terms, and what has to be
// encoded for them.
struct SplitPassages {
  PreparedPassages passages;                     // all but their vectors
  std::vector<EncodeQueue::Sequence> sequences;  // one a passage
  uint64_t tokens = 0;
};
// NO_ENCODER, ENCODER_UNAVAILABLE, EMPTY_TEXT, TOO_MANY_TOKENS. May take long on long texts.
absl::StatusOr<SplitPassages> SplitFor(const SpaceInUse& space, const PrepareContext& context,
                                       std::string_view text, Truncation truncation,
                                       const index::MetadataRow& metadata, const Call& call);

// Gives passages the vectors that their encoder made. EMPTY_TEXT if one is of no use.
absl::Status PlaceVectors(std::span<const float> rows, const VectorSpace& space,
                          PreparedPassages* passages);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_PREPARER_H_
