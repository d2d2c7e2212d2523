// Is this what a user may ask? Everything in a request that depends on the engine's own rules
// passes here before anything is done with it. All errors are INVALID_ARGUMENT unless said
// otherwise, name the field, and carry the limit.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_VALIDATE_H_
#define KITH_SERVER_ENGINE_VALIDATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/engine/document.h"
#include "server/engine/limits.h"
#include "server/engine/schema.h"
#include "server/engine/write.h"

namespace kith::engine {

// [a-z0-9][a-z0-9_-]{0,127}
absl::Status ValidateCollectionName(std::string_view name);

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}: never a path. Field "name".
absl::Status ValidateModelName(std::string_view name);

// 1..limits.id_bytes bytes of UTF-8 without control characters.
absl::Status ValidateDocumentId(std::string_view id, const Limits& limits);

// Ids that clients choose for requests and streams: the same rules with another limit; `field`
// names it.
absl::Status ValidateClientId(std::string_view id, size_t bytes_max, std::string_view field);

// UTF-8, at most limits.text_bytes, not blank; `field` names it.
absl::Status ValidateText(std::string_view text, const Limits& limits,
                          std::string_view field = "text");

absl::Status ValidateMetadata(const Metadata& metadata, const Limits& limits);
// What of it depends on all of its fields together: how many there are, and how large they are.
absl::Status ValidateMetadataSize(const Metadata& metadata, const Limits& limits);
// Bytes that it counts for under limits.metadata_bytes.
size_t MetadataBytes(const Metadata& metadata);

// Fields and values as above; something to change; no field both set and removed.
absl::Status ValidateMetadataChange(const MetadataChange& change, const Limits& limits);

// A known language, and a list of its stop words where they are to be left out. Fields "language"
// and "remove_stop_words".
absl::Status ValidateTextIndex(const TextIndexSettings& settings);
// Names as metadata has them, at most limits.collection_fields. Field "unindexed_fields".
absl::Status ValidateUnindexedFields(const std::vector<std::string>& fields, const Limits& limits);

// A known quantization; m and ef_construction within the ranges of IndexSettings. Fields "m" and
// "ef_construction".
absl::Status ValidateIndexSettings(const IndexSettings& settings);

// target_recall in [kTargetRecallMin, 1], ef in [1, kEfMax]. Fields "tuning.target_recall" and
// "tuning.ef".
absl::Status ValidateTuning(std::optional<double> target_recall, std::optional<int64_t> ef);

// True if nothing of `text` is more than white space (Unicode's White_Space).
bool IsBlank(std::string_view text);

// Ends at a code point, nothing lost before it: offset of the first byte that is not UTF-8 as
// INVALID_UTF8.
absl::Status ValidateUtf8(std::string_view text, std::string_view field);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_VALIDATE_H_
