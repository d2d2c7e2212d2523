// Committer: the second half of a write, one at a time. It takes all prepared writes that wait,
// checks each against the shard's state and those before it, gives ordinals and sequences, writes
// them in ONE storage batch with one sync, applies them to the index, and publishes the next View.
// A write is whole or absent, for readers and after a crash.
//
//   wait --> check etags, request ids, field types --> reserve memory --> Commit (synced) --> apply
//   --> publish
//            a write that fails here is left out        the last step that may fail     cannot fail
//
// Not thread-safe: everything runs on the shard's strand.

#ifndef KITH_SERVER_ENGINE_COMMITTER_H_
#define KITH_SERVER_ENGINE_COMMITTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_writer.h"
#include "kith/store/catalog.pb.h"
#include "kith/store/document.pb.h"
#include "server/engine/field_registry.h"
#include "server/engine/indexing/index_debt.h"
#include "server/engine/prepared_write.h"
#include "server/engine/request_rows.h"
#include "server/engine/row_maker.h"
#include "server/engine/services.h"
#include "server/engine/view.h"
#include "storage/commit_batch.h"

namespace kith::engine {

// Which shard this is: constant.
struct ShardIdentity {
  uint32_t collection = 0;
  uint32_t shard = 0;
  std::string uuid;  // as in commit tokens
  uint64_t epoch = 1;
  uint32_t dimension = 0;
  Metric metric = Metric::kCosine;
};

// The one vector space of a collection in this version.
inline constexpr uint16_t kSpace = 0;

class Committer {
 public:
  using Write = std::unique_ptr<PreparedWrite>;

  Committer(const Services* services, const ShardIdentity& identity,
            std::shared_ptr<const RowMaker> rows, store::ShardState state, FieldRegistry fields,
            std::unique_ptr<index::IndexWriter> index, const IndexDebt* debt);

  struct Outcome {
    std::shared_ptr<const View>
        view;  // to be published before anybody is answered; null: nothing changed
    std::vector<absl::StatusOr<WriteAnswer>> answers;  // one a write
  };
  // One group. REQUIRES: writes is not empty.
  Outcome Commit(const std::vector<Write>& writes);

  // For index work between two groups: nothing is reserved then.
  index::IndexWriter& index() { return *index_; }

  // The present state as a View with a fresh snapshot.
  std::shared_ptr<const View> MakeView();

 private:
  // A document as it stands after the writes of this group so far; absent: it does not exist.
  using Current = std::optional<store::DocumentRecord>;

  // What a group changes in memory once it is on disk, in order.
  struct Change {
    index::OrdinalRange deleted = {};         // of the version before; empty for a new document
    uint64_t first_ordinal = 0;               // of the version now
    const PreparedDocument* added = nullptr;  // null: only deleted, or updated
    index::OrdinalRange updated = {};         // these passages have `metadata` now
    std::shared_ptr<const index::MetadataRow> metadata = nullptr;
    uint64_t sequence = 0;  // of the update
  };

  // What a change of metadata makes of a document; absent: there is no such document.
  struct Updated {
    store::DocumentRecord record;  // complete but for its sequence
    std::shared_ptr<const index::MetadataRow> metadata;
  };
  using Updates = std::vector<std::optional<Updated>>;

  void BeginGroup();
  absl::Status LoadCurrent(const std::vector<Write>& writes);
  // What may refuse a write by itself: its caller, its conditions, its fields, memory. Returns what
  // its changes of metadata come to, in their order.
  absl::StatusOr<Updates> Check(const PreparedWrite& write);
  absl::StatusOr<bool> AbsorbFields(const PreparedWrite& write, FieldRegistry* fields) const;
  absl::Status CheckConditions(const PreparedWrite& write) const;
  absl::StatusOr<Updates> ChangeMetadata(const PreparedWrite& write) const;
  absl::Status ReserveMemory(const PreparedWrite& write, const Updates& updates);
  // Adds a checked write to the batch. An error here is storage's and ends the whole group.
  absl::StatusOr<WriteAnswer> Stage(const PreparedWrite& write, Updates updates,
                                    storage::CommitBatch* batch);
  UpsertResult StageDocument(const PreparedDocument& document, storage::CommitBatch* batch);
  bool StageDelete(const DocumentDelete& one, storage::CommitBatch* batch);
  UpsertResult StageUpdate(const std::string& id, std::optional<Updated> updated,
                           storage::CommitBatch* batch);
  index::OrdinalRange StageRemoval(const store::DocumentRecord& old, storage::CommitBatch* batch);
  absl::Status Persist(bool sync, storage::CommitBatch* batch);
  void Apply();
  WriteAnswer Repeat(const store::RequestRecord& record, WriteAnswer first) const;

  // Constant after construction.
  const Services* const services_;
  const ShardIdentity identity_;
  const std::shared_ptr<const RowMaker> rows_;
  const IndexDebt* const debt_;

  // The shard's state as of the last commit.
  store::ShardState state_;
  std::shared_ptr<const FieldRegistry> fields_;
  const std::unique_ptr<index::IndexWriter> index_;
  MemoryBudget::Reservation index_memory_;
  RequestRows requests_;
  uint64_t synced_sequence_;  // commits up to this one survive the loss of power

  // Of the group under way.
  store::ShardState next_state_;
  FieldRegistry next_fields_;
  bool fields_changed_ = false;
  index::RowNeeds reserved_;
  absl::flat_hash_map<std::string, Current> current_;
  std::vector<Change> changes_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_COMMITTER_H_
