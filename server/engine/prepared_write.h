// PreparedWrite: a write with everything in it that the committer needs: ids, times and vectors
// were made when it was prepared, so that committing it is a function of the write and the shard's
// state alone.

#ifndef KITH_SERVER_ENGINE_PREPARED_WRITE_H_
#define KITH_SERVER_ENGINE_PREPARED_WRITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "index/row_companions.h"
#include "kith/base/call.h"
#include "kith/store/document.pb.h"
#include "server/engine/document.h"
#include "server/engine/in_flight.h"
#include "server/engine/memory_budget.h"
#include "server/engine/request_hash.h"
#include "server/engine/schema.h"
#include "server/engine/write.h"

namespace kith::engine {

struct SpaceSet;

// A document's passages in one vector space.
struct PreparedPassages {
  uint16_t space = 0;
  std::vector<Passage> passages;       // at least one
  std::vector<float> vectors;          // [passages, dimension]
  std::vector<index::RowTerms> terms;  // one a passage
  index::RowNeeds needs;               // of all of them
  std::string source_hash;             // as store::PassageRange has it
  bool truncated = false;
};

struct PreparedDocument {
  std::string id;
  std::string text;
  std::string if_match, if_none_match;
  // Complete but for what the commit decides: sequence, ordinals, text id, time of creation.
  store::DocumentRecord record;
  std::shared_ptr<const index::MetadataRow> metadata;  // what the index takes of it
  std::vector<PreparedPassages> spaces;                // the served one first
};

// Passages for a document as it was written by commit `sequence`, in a space where it has none.
struct PreparedFill {
  std::string id;
  uint64_t sequence = 0;
  std::shared_ptr<const index::MetadataRow> metadata;
  PreparedPassages passages;
};

// What a write is answered with, upserts, deletes and updates of metadata alike.
struct WriteAnswer {
  // One a document, or one a change of metadata: then without passages if there is no such
  // document.
  std::vector<UpsertResult> results;
  uint32_t deleted = 0;
  uint32_t missing = 0;
  uint64_t encoded_tokens = 0;
  CommitToken token;
  Durability durability = Durability::kSynced;
};
using WriteDone = std::function<void(absl::StatusOr<WriteAnswer>)>;

struct PreparedWrite {
  std::vector<PreparedDocument> documents;
  std::vector<DocumentDelete> deletes;
  std::vector<MetadataChange> updates;
  std::vector<PreparedFill> fills;
  std::string request_id;  // empty: the request may not be repeated
  RequestHash request_hash;
  // The request id was seen before: the committer answers, and there is nothing in here to write.
  bool repeated = false;
  Durability durability = Durability::kSynced;
  Timestamp time;
  uint64_t encoded_tokens = 0;

  std::shared_ptr<const Call> call;
  WriteDone done;
  MemoryBudget::Reservation memory;  // for what is in here
  // The spaces that it was prepared for: held until it is committed, so that whoever changes them
  // can wait for it.
  std::shared_ptr<const SpaceSet> spaces;
  InFlight::Ticket ticket;

  size_t passage_count() const {
    size_t count = 0;
    for (const PreparedDocument& document : documents) {
      for (const PreparedPassages& space : document.spaces) count += space.passages.size();
    }
    for (const PreparedFill& fill : fills) count += fill.passages.passages.size();
    return count;
  }
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_PREPARED_WRITE_H_
