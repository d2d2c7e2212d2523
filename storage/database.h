// Database: RocksDB, its column families, and the lock of the folder that it lies in, kept open
// together by everybody who reads. The only header of this folder that knows RocksDB's types, by
// name.
//
// Thread-safe: constant after Open.

#ifndef KITH_STORAGE_DATABASE_H_
#define KITH_STORAGE_DATABASE_H_

#include <array>
#include <memory>

#include "absl/status/statusor.h"
#include "storage/data_folder.h"
#include "storage/keys.h"
#include "storage/rocksdb_options.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace kith::storage::internal {

class Database {
 public:
  // Opens RocksDB in `folder`, and makes it there if the folder is not complete.
  static absl::StatusOr<std::shared_ptr<Database>> Open(std::unique_ptr<DataFolder> folder,
                                                        const RocksDbBudget& budget);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return families_[static_cast<size_t>(family)];
  }
  // RocksDB's own family: holds nothing of ours (see Store::KeepResumable).
  rocksdb::ColumnFamilyHandle* default_family() const { return default_family_; }
  DataFolder& folder() const { return *folder_; }
  const RocksDbBudget& budget() const { return budget_; }

 private:
  Database(std::unique_ptr<DataFolder> folder, const RocksDbBudget& budget);

  // Unlocked last, when RocksDB is closed.
  const std::unique_ptr<DataFolder> folder_;
  const RocksDbBudget budget_;
  std::unique_ptr<rocksdb::DB> db_;
  // Of db_, which must not be closed before they are.
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families_{};
  rocksdb::ColumnFamilyHandle* default_family_ = nullptr;
};

}  // namespace kith::storage::internal

#endif  // KITH_STORAGE_DATABASE_H_
