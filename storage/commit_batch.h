// CommitBatch: what one call of Store::Commit writes, whole or not at all. The committer of a shard
// fills it: any number of logical batches (one a sequence), each between Begin() and End(), then
// the shard's new state, and catalog rows where some change.
//
//   CommitBatch batch(store);
//   batch.Begin(shard, state.sequence() + 1, state.running_hash());
//   batch.PutText(text_id, text);
//   batch.PutPassage(space, ordinal, passage);
//   batch.PutVector(space, ordinal, passage_index, vector);
//   batch.PutDocument(id, document);
//   state.set_running_hash(batch.End());
//   state.set_sequence(state.sequence() + 1);
//   batch.PutShardState(shard, state);
//   KITH_RETURN_IF_ERROR(store.Commit(batch, Durability::kSynced));
//
// The running hash covers every operation of every logical batch of a shard since its creation, in
// order: kind, family, key and value, and the sequence. It does not depend on how logical batches
// were grouped into CommitBatches, nor on RocksDB: two replicas that applied the same log have
// equal hashes. Catalog rows and maintenance (DropShard, DropSpace, DropTombstones, DropUpdates)
// are not part of it.
//
// A row that breaks a limit of types.h, and a shard whose state row is missing or does not match
// what was ended last, are bugs of the caller: the first one is remembered, and Commit refuses the
// whole batch with it (INTERNAL).
//
// Not thread-safe: one thread fills it and commits it. Nothing passed in needs to outlive its call.

#ifndef KITH_STORAGE_COMMIT_BATCH_H_
#define KITH_STORAGE_COMMIT_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "kith/store/catalog.pb.h"
#include "kith/store/document.pb.h"
#include "storage/types.h"

namespace kith::storage {

class Store;

class CommitBatch {
 public:
  // For commits to `store`, and to no other. Keeps its database open, as a Reader does.
  explicit CommitBatch(const Store& store);
  ~CommitBatch();
  CommitBatch(CommitBatch&&) noexcept;
  CommitBatch& operator=(CommitBatch&&) noexcept;

  // --- A logical batch of a shard. Everything up to End() needs it. ---

  // `running_hash` is the shard's before this batch: of its ShardState, or what the End() before
  // gave. Sequences of one shard in one CommitBatch rise by one.
  void Begin(ShardNumber shard, Sequence sequence, uint64_t running_hash);
  // The shard's running hash after this logical batch.
  uint64_t End();

  // Inserts or replaces.
  void PutDocument(std::string_view id, const store::DocumentRecord& record);
  // Deletes the row only: its text and passages have calls of their own.
  void DeleteDocument(std::string_view id);

  // `text` in blocks of kTextBlockBytes. An empty text writes nothing.
  void PutText(TextId text_id, std::string_view text);
  // `size_bytes` is the text's length, as its document recorded it.
  void DeleteText(TextId text_id, uint64_t size_bytes);

  void PutPassage(SpaceNumber space, Ordinal ordinal, const store::PassageRecord& record);
  // `vector` as the user or the encoder gave it: it is not normalised here.
  void PutVector(SpaceNumber space, Ordinal ordinal, uint32_t passage_index,
                 std::span<const float> vector);
  // Passages and vectors of the ordinals [first, first + count).
  void DeletePassages(SpaceNumber space, Ordinal first, uint64_t count);
  // Records that [first, first + count) are deleted, for the segments that hold them.
  void PutTombstone(SpaceNumber space, Ordinal first, uint64_t count);
  // Records that the document of [first, first + count) got other metadata and kept its passages,
  // for the segments that hold them. Replaces the row of an earlier update.
  void PutUpdate(SpaceNumber space, Ordinal first, uint64_t count, std::string_view document_id);

  // The row itself and its entry in the order of time. An id that is still there must be expired
  // first, with its own time: else its old entry stays behind.
  void PutRequest(std::string_view request_id, const store::RequestRecord& record);
  void ExpireRequest(std::string_view request_id, int64_t time_us);

  // --- State and catalog rows: outside of logical batches, not hashed. ---

  // REQUIRES: after End(); equal in sequence and running hash to what was ended last, if anything
  // was.
  void PutShardState(ShardNumber shard, const store::ShardState& state);
  // In one batch with what it retires (DropTombstones, DropUpdates).
  void PutManifest(ShardNumber shard, SpaceNumber space, const store::ManifestRecord& record);
  void PutServer(const store::ServerRecord& record);
  void PutCollection(CollectionNumber collection, const store::CollectionRecord& record);
  // Deletes the collection's record and field registry. Its shards have DropShard.
  void DeleteCollection(CollectionNumber collection);
  void PutFieldRegistry(CollectionNumber collection, const store::FieldRegistry& registry);
  void PutModel(std::string_view artifact_hash, const store::ModelRecord& record);
  void DeleteModel(std::string_view artifact_hash);
  void PutOperation(std::string_view operation_id, const store::OperationRecord& record);
  void DeleteOperation(std::string_view operation_id);

  // --- Maintenance: outside of logical batches, not hashed. ---

  // Every row of the shard, its state and manifests too. Costs nothing now: Store::ReclaimShard
  // gives the space back. The number is never used again.
  void DropShard(ShardNumber shard);
  // Every passage, vector, tombstone and update of one space of the shard, and its manifest. Costs
  // nothing now: Store::ReclaimSpace gives the space back. The number is never used again.
  void DropSpace(ShardNumber shard, SpaceNumber space);
  // The tombstones whose first ordinal is in [begin, end): no segment needs them (any more).
  void DropTombstones(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end);
  // Likewise the updates.
  void DropUpdates(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end);

  // --- What it holds. ---

  bool empty() const;
  // What Commit will append to the log, about.
  size_t size_bytes() const;
  // Empties it and forgets a bug that was found, so that its memory can be used again.
  void Clear();
  // The first bug of the caller, found so far; OK if none.
  const absl::Status& status() const;

 private:
  friend class Store;  // takes the RocksDB batch, and asks status(), completeness and adds_data
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_COMMIT_BATCH_H_
