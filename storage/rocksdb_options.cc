#include "storage/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>

namespace kith::storage {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Values from here on go to blob files: a compaction of the keys then moves 4 KiB at most a row.
constexpr uint64_t kBlobBytesMin = 4096;

// Write buffers of all families together. A quarter of the budget, so that most of it caches.
size_t WriteBufferBytes(const RocksDbBudget& budget) {
  return std::clamp<size_t>(budget.memory_bytes / 4, 8 * kMiB, 256 * kMiB);
}

rocksdb::CompressionOptions Zstd() {
  rocksdb::CompressionOptions options;
  options.level = 3;
  return options;
}

std::shared_ptr<rocksdb::TableFactory> MakeTables(Family family, const RocksDbBudget& budget) {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.block_cache = budget.cache;
  // Indexes and filters count in the budget; without this they are unbounded.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  switch (family) {
    case Family::kDocuments:
    case Family::kRequests:
      // Upserts ask for ids that are not there: the filter answers without reading a block.
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
      table.block_size = 8 * 1024;
      break;
    case Family::kText:
      table.block_size = 16 * 1024;
      break;
    case Family::kVectors:
      // Rows of some KiB, read one by one or all in order.
      table.block_size = 16 * 1024;
      break;
    case Family::kCatalog:
    case Family::kPassages:
    case Family::kTombstones:
    case Family::kUpdates:
      table.block_size = 8 * 1024;
      break;
  }
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

}  // namespace

RocksDbBudget MakeRocksDbBudget(size_t memory_bytes, int background_threads, int open_files_max) {
  RocksDbBudget budget;
  budget.memory_bytes = std::max(memory_bytes, 32 * kMiB);
  budget.background_threads = std::clamp(background_threads, 1, 64);
  budget.open_files_max = std::max(open_files_max, 64);
  rocksdb::LRUCacheOptions cache;
  cache.capacity = budget.memory_bytes;
  cache.high_pri_pool_ratio = 0.3;
  budget.cache = rocksdb::NewLRUCache(cache);
  return budget;
}

rocksdb::DBOptions MakeDbOptions(const RocksDbBudget& budget, rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env != nullptr ? env : rocksdb::Env::Default();
  options.create_missing_column_families = true;

  // --- What is promised. ---
  // A torn tail (a commit that was never acknowledged) is dropped; that it is no more than that was
  // checked before (log_check.h).
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = true;
  // A checksum of each whole file, in the manifest from the first day, for scrubs and backups.
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  // An error in the background is never retried behind our back: Store says what it means.
  options.max_bgerror_resume_count = 0;

  // --- Memory and descriptors. ---
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(WriteBufferBytes(budget), budget.cache);
  options.max_open_files = budget.open_files_max;
  // A family that is rarely written must not keep old logs, which a restart would replay.
  options.max_total_wal_size = 2 * WriteBufferBytes(budget);

  // --- Speed. ---
  options.max_background_jobs = budget.background_threads;
  options.bytes_per_sync = kMiB;
  // Rows of one shard are written by one thread: nothing to pipeline.
  options.enable_pipelined_write = false;
  // A stop writes nothing but the log: a start replays at most max_total_wal_size of it.
  options.avoid_flush_during_shutdown = true;

  // --- RocksDB's own log: what went wrong, and not much of it. ---
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = kMiB;
  options.keep_log_file_num = 4;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(Family family, const RocksDbBudget& budget) {
  rocksdb::ColumnFamilyOptions options;
  options.table_factory = MakeTables(family, budget);
  // Two write buffers at most: a third, when parallel flushes fail and are retried, meets a bug of
  // RocksDB 7.8 that 7.9 repaired.
  options.max_write_buffer_number = 2;
  options.write_buffer_size = std::min(WriteBufferBytes(budget) / 2, 64 * kMiB);
  options.compression = rocksdb::kZSTD;
  options.compression_opts = Zstd();
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = 32 * kMiB;
  options.max_bytes_for_level_base = 128 * kMiB;
  switch (family) {
    case Family::kDocuments:
    case Family::kText:
      options.enable_blob_files = true;
      options.min_blob_size = kBlobBytesMin;
      options.blob_file_size = 64 * kMiB;
      options.blob_compression_type = rocksdb::kZSTD;
      options.enable_blob_garbage_collection = true;
      options.blob_garbage_collection_age_cutoff = 0.25;
      options.blob_garbage_collection_force_threshold = 0.5;
      options.blob_cache = budget.cache;
      break;
    case Family::kVectors:
      // Floats do not compress, and keys rise: files move down the levels without being rewritten.
      options.compression = rocksdb::kNoCompression;
      options.target_file_size_base = 64 * kMiB;
      break;
    case Family::kCatalog:
    case Family::kTombstones:
    case Family::kUpdates:
      options.write_buffer_size = std::min(options.write_buffer_size, 8 * kMiB);
      break;
    case Family::kPassages:
    case Family::kRequests:
      break;
  }
  return options;
}

}  // namespace kith::storage
