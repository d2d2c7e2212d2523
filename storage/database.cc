#include "storage/database.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"
#include "storage/disk.h"
#include "storage/log_check.h"
#include "storage/rocksdb_status.h"

namespace kith::storage::internal {

Database::Database(std::unique_ptr<DataFolder> folder, const RocksDbBudget& budget)
    : folder_(std::move(folder)), budget_(budget) {}

absl::StatusOr<std::shared_ptr<Database>> Database::Open(std::unique_ptr<DataFolder> folder,
                                                         const RocksDbBudget& budget) {
  const std::string path = folder->db_path();
  // RocksDB would make a new, empty database where the old one was lost.
  struct stat info {};
  if (folder->complete() && stat((path + "/CURRENT").c_str(), &info) != 0) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{}/CURRENT is missing: the data folder had a database, which is gone", path);
  }
  KITH_RETURN_IF_ERROR(MakeFolder(path));
  KITH_RETURN_IF_ERROR(CheckLogs(path));

  rocksdb::DBOptions options = MakeDbOptions(budget, Disk::Get().env());
  options.create_if_missing = !folder->complete();
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           MakeFamilyOptions(Family::kCatalog, budget));
  for (Family family : kFamilies) {
    descriptors.emplace_back(std::string(FamilyName(family)), MakeFamilyOptions(family, budget));
  }
  std::shared_ptr<Database> database(new Database(std::move(folder), budget));
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  KITH_RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::Open(options, path, descriptors, &handles, &db),
                                   fmt::format("opening the database {}", path)));
  database->db_.reset(db);
  database->default_family_ = handles[0];
  for (size_t i = 0; i < kFamilyCount; ++i) database->families_[i] = handles[i + 1];
  return database;
}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
  db_->DestroyColumnFamilyHandle(default_family_);
}

}  // namespace kith::storage::internal
