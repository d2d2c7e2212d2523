// Committer: the second half of a write, one at a time. It takes all prepared writes that wait,
// checks each against the shard's state and those before it, gives ordinals and sequences, writes
// them in ONE storage batch with one sync, applies them to the index, and publishes the next View.
// A write is whole or absent, for readers and after a crash.
//
// A write goes to every vector space of the shard in the same storage batch: to one, or to two
// while the collection is re-embedded. A *fill* gives a document that is there its passages in a
// space where it has none yet; it changes nothing else of it, its etag neither.
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
#include "server/engine/prepared_write.h"
#include "server/engine/request_rows.h"
#include "server/engine/row_maker.h"
#include "server/engine/services.h"
#include "server/engine/shard_identity.h"
#include "server/engine/space_index.h"
#include "server/engine/view.h"
#include "storage/commit_batch.h"

namespace kith::engine {

class Committer {
 public:
  using Write = std::unique_ptr<PreparedWrite>;

  Committer(const Services* services, const ShardIdentity& identity,
            std::shared_ptr<const RowMaker> rows, store::ShardState state, FieldRegistry fields,
            std::vector<std::shared_ptr<SpaceIndex>> spaces);

  struct Outcome {
    // One a space, to be published before anybody is answered; none: nothing changed.
    std::vector<std::shared_ptr<const View>> views;
    std::vector<absl::StatusOr<WriteAnswer>> answers;  // one a write
  };
  // One group. REQUIRES: writes is not empty.
  Outcome Commit(const std::vector<Write>& writes);

  // Where writes go, the served space first.
  const std::vector<std::shared_ptr<SpaceIndex>>& spaces() const { return spaces_; }
  // Between two groups: writes go to these from now on. `batch` is committed, synced, together with
  // the shard's state and the drop of what is no longer among them. Nothing changes on an error.
  absl::Status ChangeSpaces(std::vector<std::shared_ptr<SpaceIndex>> spaces,
                            storage::CommitBatch* batch);

  const store::ShardState& state() const { return state_; }
  // The present state as Views, one a space, with a fresh snapshot.
  std::vector<std::shared_ptr<const View>> MakeViews();

 private:
  // A document as it stands after the writes of this group so far; absent: it does not exist.
  using Current = std::optional<store::DocumentRecord>;

  // What a group changes in memory of one space once it is on disk, in order.
  struct Change {
    size_t space = 0;                         // index in spaces_
    index::OrdinalRange deleted = {};         // of the version before; empty for a new document
    uint64_t first_ordinal = 0;               // of the version now
    const PreparedPassages* added = nullptr;  // null: only deleted, or updated
    index::OrdinalRange updated = {};         // these passages have `metadata` now
    std::shared_ptr<const index::MetadataRow> metadata = nullptr;  // of what is added or updated
    uint64_t sequence = 0;                                         // of the update
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
  // Puts a document's passages into a space, and their range into its record.
  void StagePassages(const std::string& id, const PreparedPassages& passages,
                     const std::shared_ptr<const index::MetadataRow>& metadata,
                     index::OrdinalRange replaced, store::DocumentRecord* record,
                     storage::CommitBatch* batch);
  void StageFill(const PreparedFill& fill, storage::CommitBatch* batch);
  // One a space: what went; empty where the document had no passages.
  std::vector<index::OrdinalRange> StageRemoval(const store::DocumentRecord& old,
                                                storage::CommitBatch* batch);
  absl::Status CheckSpaces(const PreparedWrite& write) const;
  const PreparedPassages* PassagesIn(const std::vector<PreparedPassages>& parts,
                                     size_t space) const;
  std::optional<size_t> PlaceOf(uint16_t space) const;
  void DropForgotten(store::DocumentRecord* record) const;
  store::SpaceCounter* Counter(size_t space);
  absl::Status Persist(bool sync, storage::CommitBatch* batch);
  void Apply();
  WriteAnswer Repeat(const store::RequestRecord& record, WriteAnswer first) const;

  // Constant after construction.
  const Services* const services_;
  const ShardIdentity identity_;
  const std::shared_ptr<const RowMaker> rows_;

  // The shard's state as of the last commit.
  store::ShardState state_;
  std::shared_ptr<const FieldRegistry> fields_;
  std::vector<std::shared_ptr<SpaceIndex>> spaces_;
  RequestRows requests_;
  uint64_t synced_sequence_;  // commits up to this one survive the loss of power

  // Of the group under way.
  store::ShardState next_state_;
  FieldRegistry next_fields_;
  bool fields_changed_ = false;
  std::vector<index::RowNeeds> reserved_;  // one a space
  absl::flat_hash_map<std::string, Current> current_;
  std::vector<Change> changes_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_COMMITTER_H_
