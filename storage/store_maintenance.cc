// Reclaiming, statistics and verification; store.cc has opening and committing.

#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <span>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/notification.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"
#include "storage/database.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"
#include "storage/store.h"

namespace kith::storage {
namespace {

constexpr absl::Duration kCancelPoll = absl::Milliseconds(50);
constexpr size_t kVerifyBufferBytes = 1 << 20;

uint64_t Property(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, const std::string& name) {
  uint64_t value = 0;
  return db.GetIntProperty(family, name, &value) ? value : 0;
}

// Sets `cancelled` when the call is: RocksDB's compaction asks a flag, not a function.
class CancelWatch {
 public:
  CancelWatch(const Call& call, std::atomic<bool>& cancelled)
      : thread_([this, &call, &cancelled] {
          while (!done_.WaitForNotificationWithTimeout(kCancelPoll)) {
            // Relaxed: the flag publishes nothing but itself.
            if (!call.Check().ok()) cancelled.store(true, std::memory_order_relaxed);
          }
        }) {}
  ~CancelWatch() {
    done_.Notify();
    thread_.join();
  }
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

 private:
  absl::Notification done_;
  std::thread thread_;
};

// The checksum of a file as RocksDB records it; NOT_FOUND if a compaction has removed it.
absl::StatusOr<std::string> FileChecksum(const std::string& path, const std::string& function,
                                         const Call& call) {
  rocksdb::FileChecksumGenContext context;
  context.file_name = path;
  context.requested_checksum_func_name = function;
  const auto generator =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator(context);
  if (generator == nullptr) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} is recorded with the unknown checksum {}", path, Quoted(function));
  }
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open", path);
  const auto close_file = absl::MakeCleanup([fd] { close(fd); });
  std::string buffer(kVerifyBufferBytes, '\0');
  for (;;) {
    KITH_RETURN_IF_ERROR(call.Check());
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read", path);
    if (got == 0) break;
    generator->Update(buffer.data(), static_cast<size_t>(got));
  }
  generator->Finalize();
  return generator->GetChecksum();
}

absl::StatusOr<std::vector<rocksdb::LiveFileStorageInfo>> LiveFiles(rocksdb::DB& db) {
  rocksdb::LiveFilesStorageInfoOptions options;
  options.include_checksum_info = true;
  options.wal_size_for_flush = UINT64_MAX;  // Looking must not flush.
  std::vector<rocksdb::LiveFileStorageInfo> files;
  KITH_RETURN_IF_ERROR(
      FromRocksDb(db.GetLiveFilesStorageInfo(options, &files), "listing the database's files"));
  return files;
}

// Gives back what the range held in these families.
absl::Status ReclaimRange(const internal::Database& database, std::span<const Family> families,
                          const std::string& begin, const std::string& end, const Call& call) {
  const rocksdb::Slice begin_slice(begin);
  const rocksdb::Slice end_slice(end);
  rocksdb::DB& db = database.db();

  std::atomic<bool> cancelled{false};
  CancelWatch watch(call, cancelled);
  for (Family family : families) {
    KITH_RETURN_IF_ERROR(call.Check());
    const std::string doing = fmt::format("reclaiming {}", DescribeKey(family, begin));
    // Files that hold nothing but this go as they are.
    const rocksdb::RangePtr range(&begin_slice, &end_slice);
    KITH_RETURN_IF_ERROR(
        FromRocksDb(rocksdb::DeleteFilesInRanges(&db, database.family(family), &range, 1,
                                                 /*include_end=*/false),
                    doing));
    // The others are rewritten without it.
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.canceled = &cancelled;
    // A blob file that holds other values, too, goes when enough of it is garbage.
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    const rocksdb::Status compacted =
        db.CompactRange(options, database.family(family), &begin_slice, &end_slice);
    KITH_RETURN_IF_ERROR(call.Check());
    KITH_RETURN_IF_ERROR(FromRocksDb(compacted, doing));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Store::ReclaimShard(ShardNumber shard, const Call& call) {
  std::vector<Family> families(kFamilies.begin(), kFamilies.end());
  std::erase(families, Family::kCatalog);
  return ReclaimRange(*database_, families, ShardPrefix(shard), ShardEnd(shard), call);
}

absl::Status Store::ReclaimSpace(ShardNumber shard, SpaceNumber space, const Call& call) {
  return ReclaimRange(*database_, kSpaceFamilies, SpacePrefix(shard, space), SpaceEnd(shard, space),
                      call);
}

absl::StatusOr<StoreStats> Store::Stats() const {
  rocksdb::DB& db = database_->db();
  StoreStats stats;
  for (Family family : kFamilies) {
    rocksdb::ColumnFamilyHandle* const handle = database_->family(family);
    FamilyStats& row = stats.families.emplace_back();
    row.name = FamilyName(family);
    row.rows_estimated = Property(db, handle, rocksdb::DB::Properties::kEstimateNumKeys);
    row.table_bytes = Property(db, handle, rocksdb::DB::Properties::kTotalSstFilesSize);
    row.blob_bytes = Property(db, handle, rocksdb::DB::Properties::kTotalBlobFileSize);
    stats.memory_bytes += Property(db, handle, rocksdb::DB::Properties::kEstimateTableReadersMem);
    stats.disk_bytes += row.table_bytes + row.blob_bytes;
  }
  // Write buffers are charged to the cache.
  stats.memory_bytes +=
      Property(db, database_->family(Family::kCatalog), rocksdb::DB::Properties::kBlockCacheUsage);
  rocksdb::VectorLogPtr logs;
  KITH_RETURN_IF_ERROR(FromRocksDb(db.GetSortedWalFiles(logs), "listing the log's files"));
  for (const auto& log : logs) stats.log_bytes += log->SizeFileBytes();
  stats.disk_bytes += stats.log_bytes;
  stats.disk_free_bytes = FreeDiskBytes();
  absl::MutexLock lock(&mu_);
  stats.read_only = !first_failure_.ok();
  return stats;
}

absl::StatusOr<std::vector<ShardBytes>> Store::ApproximateShardBytes(ShardNumber shard) const {
  const std::string begin = ShardPrefix(shard);
  const std::string end = ShardEnd(shard);
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  std::vector<ShardBytes> sizes;
  for (Family family : kFamilies) {
    if (family == Family::kCatalog) continue;
    const rocksdb::Range range(begin, end);
    uint64_t bytes = 0;
    KITH_RETURN_IF_ERROR(FromRocksDb(
        database_->db().GetApproximateSizes(options, database_->family(family), &range, 1, &bytes),
        fmt::format("measuring the {} of shard {}", FamilyName(family), shard)));
    sizes.push_back({std::string(FamilyName(family)), bytes});
  }
  return sizes;
}

absl::Status Store::VerifyChecksums(const Call& call) const {
  rocksdb::DB& db = database_->db();
  KITH_ASSIGN_OR_RETURN(const auto files, LiveFiles(db));
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    // Logs, manifest and options change and have no checksum of the whole: they are checked when
    // they are read, at start.
    if (file.file_type != rocksdb::kTableFile && file.file_type != rocksdb::kBlobFile) continue;
    const std::string path = file.directory + "/" + file.relative_filename;
    const auto actual = FileChecksum(path, file.file_checksum_func_name, call);
    if (absl::IsNotFound(actual.status())) {
      // A compaction may have removed it since it was listed; else it is a loss.
      KITH_ASSIGN_OR_RETURN(const auto now, LiveFiles(db));
      for (const rocksdb::LiveFileStorageInfo& other : now) {
        if (other.relative_filename == file.relative_filename) {
          return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{} is missing", path)
              .With("file", path);
        }
      }
      continue;
    }
    KITH_RETURN_IF_ERROR(actual.status());
    if (*actual != file.file_checksum) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "{} is damaged: the checksum of its {} bytes is not the recorded one", path,
                   file.size)
          .With("file", path);
    }
  }
  return absl::OkStatus();
}

absl::Status Store::Flush() {
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (Family family : kFamilies) families.push_back(database_->family(family));
  return FromRocksDb(database_->db().Flush({}, families), "flushing");
}

}  // namespace kith::storage
