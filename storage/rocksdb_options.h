// How RocksDB is set up: every option that differs from its default, with the reason, in one place.

#ifndef KITH_STORAGE_ROCKSDB_OPTIONS_H_
#define KITH_STORAGE_ROCKSDB_OPTIONS_H_

#include <cstddef>
#include <memory>

#include "storage/keys.h"

namespace rocksdb {
class Cache;
class Env;
struct ColumnFamilyOptions;
struct DBOptions;
}  // namespace rocksdb

namespace kith::storage {

// What all families share: `memory_bytes` bounds cached blocks and texts, index and filter blocks,
// and write buffers together.
struct RocksDbBudget {
  std::shared_ptr<rocksdb::Cache> cache;
  size_t memory_bytes = 0;
  int background_threads = 0;
  int open_files_max = 0;
};

RocksDbBudget MakeRocksDbBudget(size_t memory_bytes, int background_threads, int open_files_max);

// `env` may be null: the real file system.
rocksdb::DBOptions MakeDbOptions(const RocksDbBudget& budget, rocksdb::Env* env);
rocksdb::ColumnFamilyOptions MakeFamilyOptions(Family family, const RocksDbBudget& budget);

}  // namespace kith::storage

#endif  // KITH_STORAGE_ROCKSDB_OPTIONS_H_
