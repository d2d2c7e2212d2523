// Store: the data folder. Whatever a Commit has returned OK for is there after the process died,
// and (Durability::kSynced) after the power went; everything else in Kith can be rebuilt from it.
//
//   KITH_ASSIGN_OR_RETURN(auto store, Store::Open({.data_dir = "./kith-data"}));
//   KITH_ASSIGN_OR_RETURN(Catalog catalog, store->LoadCatalog());
//   KITH_RETURN_IF_ERROR(store->Commit(batch, Durability::kSynced));
//   Reader reader(store->TakeSnapshot());
//
// The folder holds LOCK, FORMAT (docs/formats/data-folder.md), db/ (RocksDB), models/ and
// segments/.
//
// What a failed Commit leaves behind. Nothing of the batch is visible, and:
// - RESOURCE_EXHAUSTED (DISK_WATERMARK): less than `disk_reserve_bytes` would be free, or the disk
// is
//   full. Nothing of the batch will ever be visible once a later Commit has returned OK; if the
//   process dies before one has, the batch is whole or absent after reopening. Heals by itself when
//   there is space again, but for one case: where not even an empty file could be made, RocksDB
//   gives up, and the store becomes read-only as below. Batches that only delete may use the
//   reserve.
// - INTERNAL: the batch was a bug of the caller's (see CommitBatch): never written, nothing else
//   changed.
// - anything else (a failed write or sync): it is not known what reached the disk, so nothing is
//   guessed. The store is read-only from then on: every later Commit is refused with
//   FAILED_PRECONDITION (READ_ONLY) and the first cause; reads go on. After reopening the batch is
//   whole or absent.
//
// Thread-safe.

#ifndef KITH_STORAGE_STORE_H_
#define KITH_STORAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "storage/catalog.h"
#include "storage/commit_batch.h"
#include "storage/model_store.h"
#include "storage/reader.h"
#include "storage/segment_files.h"
#include "storage/types.h"

namespace kith::storage {

struct StoreOptions {
  // Made, with mode 0700, if it is not there and `create_if_missing`.
  std::string data_dir;
  bool create_if_missing = true;

  // Speed only.
  // For the cache of blocks and texts, index and filter blocks, and the write buffers together.
  size_t memory_bytes = 256 << 20;
  int background_threads = 2;  // flushes and compactions
  int open_files_max = 512;    // descriptors that RocksDB keeps open

  // Free bytes of the disk that writes leave alone, so that deletes and compactions still work when
  // it fills up. 0: writes go on until the disk is full.
  uint64_t disk_reserve_bytes = 64 << 20;
};

struct FamilyStats {
  std::string name;
  uint64_t rows_estimated = 0;
  uint64_t table_bytes = 0;  // SST files
  uint64_t blob_bytes = 0;   // blob files
};

struct StoreStats {
  std::vector<FamilyStats> families;
  uint64_t log_bytes = 0;        // write-ahead log
  uint64_t disk_bytes = 0;       // all of these together
  uint64_t disk_free_bytes = 0;  // of the file system, for us
  uint64_t memory_bytes = 0;     // used now: cache, write buffers, open tables
  bool read_only = false;
};

struct ShardBytes {
  std::string family;
  // Approximate, and without what lies in blob files: a text's size is in its ShardState.
  uint64_t bytes = 0;
};

class Store {
 public:
  // Errors: FAILED_PRECONDITION with DATA_FOLDER_IN_USE (and the pid that holds it), FORMAT_VERSION
  // (written by a newer version), or a sentence about a folder that is not Kith's;
  // PERMISSION_DENIED if it cannot be written; NOT_FOUND without `create_if_missing`; DATA_LOSS if
  // what is in it is damaged. A failed Open leaves an existing folder as it was.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);

  // Close()s.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Refuses commits from now on and syncs the log, so that what was committed as kApplied survives
  // a loss of power, too. Idempotent. The folder's lock is released when this Store and the last
  // Snapshot and Reader are gone.
  absl::Status Close();

  const Uuid& uuid() const;  // of the data folder, since it was made
  uint64_t epoch() const;    // rises by one with every Open

  // One write of the log, whole or not at all. `batch` is left as it is: Clear() it to use it
  // again.
  absl::Status Commit(CommitBatch& batch, Durability durability);

  absl::StatusOr<Catalog> LoadCatalog() const;

  // Cheap, but takes RocksDB's mutex: once a commit group, not once a read.
  std::shared_ptr<const Snapshot> TakeSnapshot() const;
  // Sees at each call what is committed at that moment.
  Reader Latest() const;

  // Gives back the space of a shard that DropShard has dropped. Slow; asks `call` now and then, and
  // may be repeated after it was cancelled. Not for snapshots: one that still should see the shard
  // no longer does, so release them first.
  absl::Status ReclaimShard(ShardNumber shard, const Call& call);
  // Likewise of a space of a shard that DropSpace has dropped.
  absl::Status ReclaimSpace(ShardNumber shard, SpaceNumber space, const Call& call);

  absl::StatusOr<StoreStats> Stats() const;
  absl::StatusOr<std::vector<ShardBytes>> ApproximateShardBytes(ShardNumber shard) const;

  // Reads every file of the database and compares its checksum with the recorded one: DATA_LOSS
  // names the first that differs.
  absl::Status VerifyChecksums(const Call& call) const;

  // Writes the memtables out, so that the log can be dropped: after it, a restart replays nothing.
  absl::Status Flush();

  // The models that were copied into this folder.
  ModelStore& models() { return *models_; }
  // The files of sealed segments.
  const SegmentFiles& segments() const { return *segments_; }

 private:
  friend class CommitBatch;  // is made for database_

  Store(std::shared_ptr<internal::Database> database, std::unique_ptr<ModelStore> models,
        std::unique_ptr<SegmentFiles> segments, const StoreOptions& options, const Uuid& uuid,
        uint64_t epoch);

  // Why a commit is refused now; OK if it is not. Tries to leave the state "disk full".
  absl::Status CheckWritable(bool adds_data) ABSL_LOCKS_EXCLUDED(mu_);
  // The refusal after first_failure_.
  absl::Status ReadOnly() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t FreeDiskBytes() const;
  // Makes sure that RocksDB can go on after a full disk.
  absl::Status KeepResumable();
  // Around a write: whether it needs kUnsyncedMark, and what a success tells about the log.
  struct LogMark {
    bool needed = false;
    bool alone = false;  // no commit of kApplied was being written
    uint64_t applied_before = 0;
  };
  LogMark BeginWrite(Durability durability) ABSL_LOCKS_EXCLUDED(mu_);
  void EndWrite(Durability durability, const LogMark& mark, bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void RememberFailure(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after construction.
  const std::shared_ptr<internal::Database> database_;
  const std::unique_ptr<ModelStore> models_;
  const std::unique_ptr<SegmentFiles> segments_;
  const std::string data_dir_;
  const uint64_t disk_reserve_bytes_;
  const Uuid uuid_;
  const uint64_t epoch_;

  mutable absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool disk_full_ ABSL_GUARDED_BY(mu_) = false;
  // Whether the log may end in commits that are not synced: see log_check.h. `applying_` commits of
  // kApplied are being written; `applied_` have begun.
  bool unsynced_ ABSL_GUARDED_BY(mu_) = false;
  int applying_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t applied_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status first_failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_STORE_H_
