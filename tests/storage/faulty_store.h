// A store on a FaultDisk and one shard in it, with what the shard must hold: the fixture of every
// test in which the disk fails.

#ifndef KITH_TESTS_STORAGE_FAULTY_STORE_H_
#define KITH_TESTS_STORAGE_FAULTY_STORE_H_

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.h"
#include "tests/storage/test_support.h"
#include "tests/support/fault_disk.h"
#include "tests/support/fault_plan.h"

namespace kith::storage {

class FaultyStore {
 public:
  static constexpr ShardNumber kShard = 1;

  FaultyStore();
  ~FaultyStore();

  fault::FaultPlan& plan() { return plan_; }
  Store& store() { return *store_; }
  TestShard& shard() { return *shard_; }
  bool is_open() const { return shard_ != nullptr; }
  std::string data_dir() const { return folder_.Join("data"); }
  void set_disk_reserve(uint64_t bytes) { disk_reserve_bytes_ = bytes; }

  absl::Status Open();
  void Close();
  // Close, and what a power cut took is gone, if there was one.
  void CloseAndPowerOn();

  // A write of its own content. What was acknowledged, and what may be there or not, is remembered.
  absl::Status Upsert(const std::string& id, uint64_t content,
                      Durability durability = Durability::kSynced);
  absl::Status Delete(const std::string& id, Durability durability = Durability::kSynced);
  // One of both, of a few documents.
  absl::Status WriteSomething(std::mt19937_64& random, Durability durability = Durability::kSynced);

  // What the shard would hold after each write that failed since the last one that did not. After
  // that one they are gone for good; before it, one of them may be there.
  const std::vector<ExpectedDocuments>& pending() const { return pending_; }
  const ExpectedDocuments& acknowledged() const { return acknowledged_; }

  // OK if the shard holds what was acknowledged. After a restart a pending write may be there, too,
  // whole: then it counts as acknowledged from now on.
  absl::Status Check();
  absl::Status CheckAfterRestart();
  // From now on the shard must hold `documents`.
  void Restart(ExpectedDocuments documents) {
    acknowledged_ = std::move(documents);
    pending_.clear();
  }

 private:
  absl::Status Remember(const absl::Status& status, ExpectedDocuments written);

  const TempFolder folder_;
  fault::FaultPlan plan_;
  fault::FaultDisk disk_;
  uint64_t disk_reserve_bytes_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<TestShard> shard_;
  ExpectedDocuments acknowledged_;
  std::vector<ExpectedDocuments> pending_;
};

}  // namespace kith::storage

#endif  // KITH_TESTS_STORAGE_FAULTY_STORE_H_
