// kith.v1 <-> engine: what several services share. These functions judge the form of a message
// (presence, enums, packed vectors, ranges of times); what depends on a collection (its dimension,
// its field types) is the engine's to judge. Errors are INVALID_ARGUMENT with the field's path,
// relative to the message given: complete it with InField().
//
// Pure functions. They move large strings out of the messages given as pointers.

#ifndef KITH_SERVER_RPC_TRANSLATE_COMMON_H_
#define KITH_SERVER_RPC_TRANSLATE_COMMON_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/timestamp.pb.h"
#include "kith/v1/common.pb.h"
#include "server/engine/document.h"
#include "server/engine/limits.h"
#include "server/engine/schema.h"

namespace kith::rpc {

// Enums. A value that this version does not know is an error, never a default. The path is `field`.
absl::StatusOr<engine::Metric> ReadMetric(int value, std::string_view field);
absl::StatusOr<std::optional<engine::Durability>> ReadDurability(int value, std::string_view field);
absl::StatusOr<engine::Truncation> ReadTruncation(int value, std::string_view field);
absl::StatusOr<engine::SplitterOptions> ReadSplitter(const v1::SplitterOptions& in);
v1::Metric WriteMetric(engine::Metric metric);
v1::Durability WriteDurability(engine::Durability durability);
void WriteSplitter(const engine::SplitterOptions& options, v1::SplitterOptions* out);

// A vector in any of its forms; DIMENSION_MISMATCH if `dimension` says another number than came, or
// there are none, or more than `limits.dimension`. Whether its values are finite is the engine's to
// say.
absl::StatusOr<std::vector<float>> ReadVector(const v1::Vector& in, const engine::Limits& limits);
void WriteVector(const std::vector<float>& values, v1::Vector* out);

// Years 0001 to 9999, to the microsecond.
absl::StatusOr<engine::Timestamp> ReadTimestamp(const google::protobuf::Timestamp& in);
void WriteTimestamp(engine::Timestamp time, google::protobuf::Timestamp* out);

// Not below 0, and not over 30 years: a nonsense estimate stays inside what a Duration holds.
void WriteSeconds(double seconds, google::protobuf::Duration* out);

using MetadataMap = google::protobuf::Map<std::string, v1::Value>;
// `field`: what the map is called, for errors.
absl::StatusOr<engine::Metadata> ReadMetadata(MetadataMap* in, std::string_view field = "metadata");
void WriteMetadata(engine::Metadata&& metadata, MetadataMap* out);

// Absent is no token. INVALID_COMMIT_TOKEN unless it is one that a write can have returned.
absl::StatusOr<std::optional<engine::CommitToken>> ReadAtLeast(bool present,
                                                               const v1::CommitToken& in);
void WriteToken(const engine::CommitToken& token, v1::CommitToken* out);
// Sets `out->commit_token`, unless nothing was ever committed: then there is no commit to name.
template <typename Message>
void SetToken(const engine::CommitToken& token, Message* out) {
  if (token.sequence != 0) WriteToken(token, out->mutable_commit_token());
}

void WritePassage(const engine::Passage& passage, v1::Passage* out);

// OK if 1 <= count <= most; EMPTY_BATCH or BATCH_TOO_LARGE with `field` else.
absl::Status CheckCount(size_t count, size_t most, std::string_view field);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_COMMON_H_
