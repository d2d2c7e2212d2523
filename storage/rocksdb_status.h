// What RocksDB's statuses mean for us: the one place where they are converted.

#ifndef KITH_STORAGE_ROCKSDB_STATUS_H_
#define KITH_STORAGE_ROCKSDB_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace rocksdb {
class Status;
}

namespace kith::storage {

// `doing` completes "while ...": "reading documents key 00000001 (shard 1)".
//
//   damaged or missing file             DATA_LOSS           CORRUPTION (RocksDB names file and
//   offset) disk or quota full                  RESOURCE_EXHAUSTED  DISK_WATERMARK not in the cache
//   (cache-only read)  UNAVAILABLE         Reader::IsNotCached busy, timed out, shutting down
//   UNAVAILABLE         STORAGE_ERROR everything else                     INTERNAL STORAGE_ERROR
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing);

// Whether it is what FromRocksDb made of "not in the cache".
bool IsNotCachedStatus(const absl::Status& status);

}  // namespace kith::storage

#endif  // KITH_STORAGE_ROCKSDB_STATUS_H_
