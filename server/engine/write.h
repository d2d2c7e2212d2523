// Writes as callers ask for them, and their answers.

#ifndef KITH_SERVER_ENGINE_WRITE_H_
#define KITH_SERVER_ENGINE_WRITE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/document.h"
#include "server/engine/schema.h"

namespace kith::engine {

struct UpsertRequest {
  std::vector<DocumentInput> documents;
  std::string request_id;
  std::optional<Durability> durability;  // absent: the collection's default
  Truncation truncation = Truncation::kEnd;
};

struct UpsertResult {
  std::string id;
  std::string etag = {};
  bool created = false;
  uint32_t passage_count = 0;
  bool truncated = false;
};

struct UpsertAnswer {
  std::vector<UpsertResult> results;
  CommitToken token;
  Durability durability = Durability::kSynced;
  uint64_t encoded_tokens = 0;
};

struct DocumentDelete {
  std::string id;
  std::string if_match;
  // With if_match: a document with another etag is left, and counted as missing, instead of failing
  // the write.
  bool leave_changed = false;
};

struct DeleteRequest {
  std::vector<DocumentDelete> deletes;
  std::string request_id;
  std::optional<Durability> durability;
};

struct DeleteAnswer {
  uint32_t deleted = 0;
  uint32_t missing = 0;
  CommitToken token;
  Durability durability = Durability::kSynced;
};

// A change of one document's metadata. Its text, vectors and passages stay as they are.
struct MetadataChange {
  std::string id;
  Metadata set = {};                     // these fields get these values
  std::vector<std::string> remove = {};  // these go; those that are not there are passed over
  bool replace = false;                  // every field that is not in `set` goes
  std::string if_match = {};
};

struct UpdateMetadataRequest {
  std::vector<MetadataChange> updates;
  std::string request_id = {};
  std::optional<Durability> durability = {};
};

struct UpdateMetadataResult {
  std::string id;
  std::string etag;  // empty: there is no such document
};

struct UpdateMetadataAnswer {
  std::vector<UpdateMetadataResult> results;  // one a change, in order
  uint32_t missing = 0;
  CommitToken token;
  Durability durability = Durability::kSynced;
};

// Called exactly once, from a thread of the engine; must not block.
using UpsertDone = std::function<void(absl::StatusOr<UpsertAnswer>)>;
using DeleteDone = std::function<void(absl::StatusOr<DeleteAnswer>)>;
using UpdateMetadataDone = std::function<void(absl::StatusOr<UpdateMetadataAnswer>)>;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_WRITE_H_
