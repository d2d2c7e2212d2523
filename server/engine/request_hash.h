// RequestHash: 128 bits over the content of a write, which tell a repeated request from another one
// under the same id.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_REQUEST_HASH_H_
#define KITH_SERVER_ENGINE_REQUEST_HASH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/engine/document.h"
#include "server/engine/schema.h"
#include "server/engine/write.h"

namespace kith::engine {

struct RequestHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const RequestHash&, const RequestHash&) = default;
};

// XXH3-128 over every field as the client sent it, each with its length before it. Persisted for 24
// hours: changing it makes repeats across an upgrade look like other content, and nothing worse.
RequestHash HashOf(const std::vector<DocumentInput>& documents, Truncation truncation);
RequestHash HashOf(const std::vector<DocumentDelete>& deletes);
RequestHash HashOf(const std::vector<MetadataChange>& updates);

// Of one document's content (text, vector, metadata, not its id or conditions), as 16 bytes.
std::string ContentHash(const DocumentInput& document);

// Of all that decides the passages and vectors of a text in an encoder's space, as 16 bytes. Kept
// with them: what has the same hash is not encoded again. Never change what it covers, or how,
// without a new first byte.
std::string SourceHash(std::string_view text, const SplitterOptions& splitter,
                       const VectorSpace& space);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_REQUEST_HASH_H_
