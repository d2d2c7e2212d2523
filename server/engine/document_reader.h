// Reading documents and passages out of storage as the engine's values: what ReadView and searches
// share.
//
// Thread-safe: plain functions over a Reader, which is.

#ifndef KITH_SERVER_ENGINE_DOCUMENT_READER_H_
#define KITH_SERVER_ENGINE_DOCUMENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/store/document.pb.h"
#include "server/engine/document.h"
#include "server/engine/shard_identity.h"
#include "storage/reader.h"

namespace kith::engine {

// What a record that storage parsed must have to be read in a vector space that has all documents:
// DATA_LOSS otherwise.
absl::Status CheckDocumentRecord(const std::string& id, const store::DocumentRecord& record,
                                 uint16_t space);

// About what the document takes in a message.
size_t BytesOf(const Document& document);

// The selected parts of a document. REQUIRES: CheckDocumentRecord is OK with the record.
absl::StatusOr<Document> ReadDocument(const storage::Reader& reader, const SpaceIdentity& shard,
                                      const std::string& id, const store::DocumentRecord& record,
                                      const DocumentSelector& select);

// Passages by ordinal, in the order asked; a missing one is DATA_LOSS.
absl::StatusOr<std::vector<store::PassageRecord>> ReadPassages(const storage::Reader& reader,
                                                               const SpaceIdentity& shard,
                                                               std::span<const uint64_t> ordinals);

// Vectors by ordinal, likewise.
absl::StatusOr<std::vector<std::vector<float>>> ReadVectors(const storage::Reader& reader,
                                                            const SpaceIdentity& shard,
                                                            std::span<const uint64_t> ordinals);

// What a View shows of a document is not in storage: DATA_LOSS.
absl::Status Vanished(const ShardIdentity& shard, std::string_view id);

// first, first + 1, ..., `count` of them.
std::vector<uint64_t> OrdinalsFrom(uint64_t first, uint64_t count);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_DOCUMENT_READER_H_
