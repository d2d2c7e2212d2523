// What a Reader is bound to. Only reader.cc, reader_scan.cc and store.cc include this.

#ifndef KITH_STORAGE_READER_ACCESS_H_
#define KITH_STORAGE_READER_ACCESS_H_

#include <memory>

#include "storage/database.h"
#include "storage/reader.h"

namespace rocksdb {
struct ReadOptions;
}

namespace kith::storage {

struct Reader::Access {
  // For point reads.
  rocksdb::ReadOptions Options() const;

  std::shared_ptr<internal::Database> database;
  std::shared_ptr<const Snapshot> snapshot;   // null: latest
  const rocksdb::Snapshot* handle = nullptr;  // of snapshot
  bool cache_only = false;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_READER_ACCESS_H_
