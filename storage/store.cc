// Opening, committing and closing; store_maintenance.cc has the rest.

#include "storage/store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cstring>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/commit_batch_rep.h"
#include "storage/data_folder.h"
#include "storage/database.h"
#include "storage/disk.h"
#include "storage/keys.h"
#include "storage/log_check.h"
#include "storage/reader_access.h"
#include "storage/records.h"
#include "storage/rocksdb_status.h"

namespace kith::storage {
namespace {

// Deletes may use the reserve down to this share of it.
constexpr uint64_t kDeleteReserveShare = 8;
constexpr absl::Duration kDiskRetry = absl::Seconds(10);

rocksdb::WriteOptions Synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

std::string AsBytes(const Uuid& uuid) {
  return std::string(reinterpret_cast<const char*>(uuid.data()), uuid.size());
}

// Reads the server's row, or makes a new server's, and writes it back with the next epoch.
absl::StatusOr<uint64_t> BeginEpoch(const internal::Database& database) {
  const std::string key = CatalogKey(CatalogTag::kServer);
  rocksdb::ColumnFamilyHandle* const catalog = database.family(Family::kCatalog);
  const DataFolder& folder = database.folder();
  store::ServerRecord server;
  std::string value;
  const rocksdb::Status status = database.db().Get({}, catalog, key, &value);
  if (status.IsNotFound()) {
    if (folder.complete()) {
      return DamagedRow(Family::kCatalog, key, "the server's row is missing");
    }
    server.set_folder_uuid(AsBytes(folder.uuid()));
    server.set_next_collection_number(1);
    server.set_next_shard_number(1);
  } else {
    KITH_RETURN_IF_ERROR(FromRocksDb(status, "reading the server's row"));
    KITH_RETURN_IF_ERROR(ParseRecord(Family::kCatalog, key, value, server));
    if (server.folder_uuid() != AsBytes(folder.uuid())) {
      return DamagedRow(Family::kCatalog, key,
                        "the database belongs to another data folder than the FORMAT file");
    }
  }
  server.set_epoch(server.epoch() + 1);
  KITH_RETURN_IF_ERROR(
      FromRocksDb(database.db().Put(Synced(), catalog, key, server.SerializeAsString()),
                  "writing the server's row"));
  return server.epoch();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  KITH_ASSIGN_OR_RETURN(auto folder, DataFolder::Open(options.data_dir, options.create_if_missing));
  const Uuid uuid = folder->uuid();
  KITH_ASSIGN_OR_RETURN(auto models, ModelStore::Open(folder->models_path()));
  KITH_ASSIGN_OR_RETURN(auto segments, SegmentFiles::Open(folder->segments_path()));
  const RocksDbBudget budget =
      MakeRocksDbBudget(options.memory_bytes, options.background_threads, options.open_files_max);
  KITH_ASSIGN_OR_RETURN(auto database, internal::Database::Open(std::move(folder), budget));
  KITH_ASSIGN_OR_RETURN(const uint64_t epoch, BeginEpoch(*database));
  KITH_RETURN_IF_ERROR(database->folder().MarkComplete());
  return std::unique_ptr<Store>(
      new Store(std::move(database), std::move(models), std::move(segments), options, uuid, epoch));
}

Store::Store(std::shared_ptr<internal::Database> database, std::unique_ptr<ModelStore> models,
             std::unique_ptr<SegmentFiles> segments, const StoreOptions& options, const Uuid& uuid,
             uint64_t epoch)
    : database_(std::move(database)),
      models_(std::move(models)),
      segments_(std::move(segments)),
      data_dir_(options.data_dir),
      disk_reserve_bytes_(options.disk_reserve_bytes),
      uuid_(uuid),
      epoch_(epoch) {}

Store::~Store() { Close().IgnoreError(); }

absl::Status Store::Close() {
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return absl::OkStatus();
    closed_ = true;
    if (!first_failure_.ok()) return first_failure_;
  }
  // An empty batch that is synced syncs all of the log before it.
  rocksdb::WriteBatch empty;
  return FromRocksDb(database_->db().Write(Synced(), &empty), "syncing the log");
}

const Uuid& Store::uuid() const { return uuid_; }
uint64_t Store::epoch() const { return epoch_; }

absl::Status Store::Commit(CommitBatch& batch, Durability durability) {
  CommitBatch::Rep& rep = *batch.rep_;
  if (rep.database != database_) rep.Bug("it was made for another store");
  if (rep.in_shard) rep.Bug("Begin() without End()");
  for (const auto& [shard, ended] : rep.ended) {
    if (!ended.state_written) rep.Bug(fmt::format("the state of shard {} is missing", shard));
  }
  KITH_RETURN_IF_ERROR(rep.status);
  KITH_RETURN_IF_ERROR(CheckWritable(rep.adds_data));
  if (batch.empty()) return absl::OkStatus();

  KITH_RETURN_IF_ERROR(KeepResumable());
  const LogMark mark = BeginWrite(durability);
  if (mark.needed) {
    rep.Check(rep.batch->PutLogData(rocksdb::Slice(kUnsyncedMark.data(), kUnsyncedMark.size())));
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  if (rep.swaps_manifest) Disk::Get().Passed("manifest swap");
  const rocksdb::Status written = database_->db().Write(options, rep.batch.get());
  if (rep.swaps_manifest) Disk::Get().Passed("manifest swapped");
  EndWrite(durability, mark, written.ok());
  if (written.ok()) return absl::OkStatus();
  absl::Status status = FromRocksDb(written, "committing a batch");
  RememberFailure(status);
  return status;
}

absl::Status Store::ReadOnly() const {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kReadOnly,
               "the data folder {} is read-only until the server is started again, since a write "
               "failed: {}",
               data_dir_, std::string(first_failure_.message()));
}

absl::Status Store::CheckWritable(bool adds_data) {
  absl::MutexLock lock(&mu_);
  if (closed_) {
    return Error(absl::StatusCode::kUnavailable, reason::kDraining, "the store is closed");
  }
  if (!first_failure_.ok()) return ReadOnly();
  const uint64_t reserve =
      adds_data ? disk_reserve_bytes_ : disk_reserve_bytes_ / kDeleteReserveShare;
  const uint64_t free = FreeDiskBytes();
  if (free < reserve) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskWatermark,
                 "the disk of {} has {} bytes free, {} are kept in reserve", data_dir_, free,
                 reserve)
        .With("free_bytes", free)
        .With("reserve_bytes", reserve)
        .RetryAfter(kDiskRetry);
  }
  if (!disk_full_) return absl::OkStatus();
  // RocksDB refuses writes since the disk was full: it goes on with a new log, so that what the
  // failed write may have left at the end of the old one is never read.
  const rocksdb::Status result = database_->db().Resume();
  absl::Status resumed = FromRocksDb(result, "resuming after the disk was full");
  if (resumed.ok()) {
    disk_full_ = false;
    return absl::OkStatus();
  }
  // RocksDB cannot go on where it could not make a new log, until it is opened again.
  const bool fatal = result.severity() >= rocksdb::Status::Severity::kFatalError;
  if (!fatal && (absl::IsResourceExhausted(resumed) || absl::IsUnavailable(resumed))) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskWatermark,
                 "the disk of {} was full, and is not usable yet: {}", data_dir_,
                 std::string(resumed.message()))
        .RetryAfter(kDiskRetry);
  }
  first_failure_ = resumed;
  return ReadOnly();
}

// RocksDB goes on after a full disk by flushing its memtables and beginning a new log. If they are
// all empty it keeps the old log, in whose broken writer the next write runs into an assertion
// (7.8). So one row that means nothing, and is in no log, is kept in the memtable of the unused
// default family.
absl::Status Store::KeepResumable() {
  rocksdb::DB& db = database_->db();
  uint64_t rows = 0;
  db.GetIntProperty(database_->default_family(), rocksdb::DB::Properties::kNumEntriesActiveMemTable,
                    &rows);
  if (rows > 0) return absl::OkStatus();
  rocksdb::WriteOptions memory_only;
  memory_only.disableWAL = true;
  const rocksdb::Status status = db.Put(memory_only, database_->default_family(), "resumable", "");
  // Without it a commit would be refused for the same reason.
  if (status.ok()) return absl::OkStatus();
  absl::Status failed = FromRocksDb(status, "preparing a commit");
  RememberFailure(failed);
  return failed;
}

Store::LogMark Store::BeginWrite(Durability durability) {
  absl::MutexLock lock(&mu_);
  const bool alone = applying_ == 0;
  if (durability == Durability::kApplied) {
    ++applying_;
    ++applied_;
    unsynced_ = true;
  }
  return {unsynced_, alone, applied_};
}

void Store::EndWrite(Durability durability, const LogMark& mark, bool ok) {
  absl::MutexLock lock(&mu_);
  if (durability == Durability::kApplied) {
    --applying_;
  } else if (ok && mark.alone && applied_ == mark.applied_before) {
    // Nothing unsynced was written beside or behind this write, and all before it is synced now.
    unsynced_ = false;
  }
}

void Store::RememberFailure(const absl::Status& cause) {
  absl::MutexLock lock(&mu_);
  if (absl::IsResourceExhausted(cause)) {
    disk_full_ = true;
  } else if (first_failure_.ok()) {
    first_failure_ = cause;
  }
}

uint64_t Store::FreeDiskBytes() const { return Disk::Get().FreeBytes(data_dir_); }

std::shared_ptr<const Snapshot> Store::TakeSnapshot() const {
  return std::make_shared<const Snapshot>(database_);
}

Reader Store::Latest() const {
  auto access = std::make_shared<Reader::Access>();
  access->database = database_;
  return Reader(std::move(access));
}

}  // namespace kith::storage
