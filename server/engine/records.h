// Between the engine's values and the records that storage keeps: the one place that knows both.
//
// Pure functions. Reading a record that storage has parsed may still find what no version of Kith
// writes: that is DATA_LOSS / CORRUPTION.

#ifndef KITH_SERVER_ENGINE_RECORDS_H_
#define KITH_SERVER_ENGINE_RECORDS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "kith/store/answer.pb.h"
#include "kith/store/catalog.pb.h"
#include "kith/store/document.pb.h"
#include "server/engine/document.h"
#include "server/engine/operations.h"
#include "server/engine/prepared_write.h"
#include "server/engine/schema.h"

namespace kith::engine {

// A document's etag: opaque to clients, and never the same for two versions of a document, not even
// across a collection that was deleted and made again.
std::string DocumentEtag(uint32_t shard, uint64_t sequence);
std::string CollectionEtag(uint32_t collection, uint64_t revision);

// Entries sorted by key.
void WriteMetadata(const Metadata& metadata, store::DocumentRecord* record);
absl::StatusOr<Metadata> ReadMetadata(const store::DocumentRecord& record);
FieldType TypeOf(const store::MetadataValue& value);

// A document's passages in a vector space; null: it has none there.
const store::PassageRange* RangeIn(const store::DocumentRecord& record, uint16_t space);
// What a shard counts of a vector space; all 0 if nothing was written to it. Knows how shards of
// one space were counted before format version 4.
store::SpaceCounter CounterOf(const store::ShardState& state, uint16_t space);

store::PassageRecord PassageRecordOf(const std::string& document_id, const Passage& passage);
Passage ReadPassage(const store::PassageRecord& record);

store::CollectionRecord CollectionRecordOf(const CollectionInfo& info, uint64_t revision,
                                           uint32_t shard_number, const std::string& shard_uuid,
                                           uint64_t epoch);
absl::StatusOr<CollectionInfo> ReadCollection(uint32_t number,
                                              const store::CollectionRecord& record);

store::OperationRecord OperationRecordOf(const Operation& operation, uint32_t collection_number);
Operation ReadOperation(const std::string& id, const store::OperationRecord& record);

// The short answer that a repeated request gets: token and etags follow from the sequence.
std::string WriteAnswerBytes(const WriteAnswer& answer);
absl::StatusOr<WriteAnswer> ReadWriteAnswer(const std::string& bytes);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_RECORDS_H_
