#include "tests/storage/faulty_store.h"

#include <utility>

#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::storage {

FaultyStore::FaultyStore()
    : disk_(&plan_, folder_.Join("attic"), fault::FaultDisk::OnCut::kFailAll) {
  Disk::Replace(&disk_);
}

FaultyStore::~FaultyStore() {
  Close();
  Disk::Replace(nullptr);
}

absl::Status FaultyStore::Open() {
  Close();
  StoreOptions options = SmallOptions(data_dir());
  options.disk_reserve_bytes = disk_reserve_bytes_;
  KITH_ASSIGN_OR_RETURN(auto store, Store::Open(options));
  KITH_ASSIGN_OR_RETURN(auto shard, TestShard::Load(*store, kShard));
  store_ = std::move(store);
  shard_ = std::make_unique<TestShard>(std::move(shard));
  return absl::OkStatus();
}

void FaultyStore::Close() {
  shard_.reset();
  store_.reset();
}

void FaultyStore::CloseAndPowerOn() {
  Close();
  plan_.Disarm();
  disk_.PowerOn();
}

absl::Status FaultyStore::Remember(const absl::Status& status, ExpectedDocuments written) {
  if (status.ok()) {
    acknowledged_ = std::move(written);
    pending_.clear();
  } else if (DetailsOf(status).reason != reason::kReadOnly) {
    // A commit that is refused was never tried.
    pending_.push_back(std::move(written));
  }
  return status;
}

absl::Status FaultyStore::Upsert(const std::string& id, uint64_t content, Durability durability) {
  ExpectedDocuments written = acknowledged_;
  written[id] = content;
  return Remember(shard_->Upsert(id, content, durability), std::move(written));
}

absl::Status FaultyStore::Delete(const std::string& id, Durability durability) {
  ExpectedDocuments written = acknowledged_;
  written.erase(id);
  return Remember(shard_->Delete(id, durability), std::move(written));
}

absl::Status FaultyStore::WriteSomething(std::mt19937_64& random, Durability durability) {
  const std::string id = fmt::format("d{}", random() % 8);
  // Deleting what is not there commits nothing.
  if (random() % 4 == 0 && acknowledged_.contains(id)) return Delete(id, durability);
  return Upsert(id, random(), durability);
}

absl::Status FaultyStore::Check() {
  return CheckShard(store_->Latest(), shard_->state(), kShard, acknowledged_);
}

absl::Status FaultyStore::CheckAfterRestart() {
  for (ExpectedDocuments& written : std::exchange(pending_, {})) {
    if (!CheckShard(store_->Latest(), shard_->state(), kShard, written).ok()) continue;
    acknowledged_ = std::move(written);
    return absl::OkStatus();
  }
  return Check();
}

}  // namespace kith::storage
