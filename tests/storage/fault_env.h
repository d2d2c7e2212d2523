// FaultEnv: a RocksDB Env whose file writes and syncs fail on request, over the real file system.

#ifndef KITH_TESTS_STORAGE_FAULT_ENV_H_
#define KITH_TESTS_STORAGE_FAULT_ENV_H_

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace kith::storage {

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault { kNone, kNoSpace, kNoSpaceOnSync, kSyncFails };

  FaultFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "KithFaultFileSystem"; }

  // Of the files whose names end in `suffix` (".log", ".sst"; empty: all). An append that meets
  // kNoSpace writes half of its bytes first, as a real disk does.
  void Set(Fault fault, const std::string& suffix) {
    suffix_ = suffix;
    fault_.store(fault);  // Publishes suffix_; tests set it while nothing is written.
  }
  // How often a write or sync was made to fail.
  int hits() const { return hits_.load(); }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* free, rocksdb::IODebugContext* debug) override;

 private:
  friend class FaultFile;
  bool Hit(Fault fault, const std::string& name);

  std::string suffix_;
  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<int> hits_{0};
};

// An Env over it, for StoreOptions::env.
struct FaultEnv {
  std::shared_ptr<FaultFileSystem> files = std::make_shared<FaultFileSystem>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
};

}  // namespace kith::storage

#endif  // KITH_TESTS_STORAGE_FAULT_ENV_H_
