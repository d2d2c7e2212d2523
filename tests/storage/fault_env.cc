#include "tests/storage/fault_env.h"

#include <utility>

namespace kith::storage {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class FaultFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name,
            FaultFileSystem* system)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), system_(system) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (system_->Hit(FaultFileSystem::Fault::kNoSpace, name_)) {
      FSWritableFileOwnerWrapper::Append(rocksdb::Slice(data.data(), data.size() / 2), options,
                                         debug)
          .PermitUncheckedError();
      return IOStatus::NoSpace("no space left on the test's disk", name_);
    }
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (const IOStatus failed = SyncFault(); !failed.ok()) return failed;
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (const IOStatus failed = SyncFault(); !failed.ok()) return failed;
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  IOStatus SyncFault() {
    if (system_->Hit(FaultFileSystem::Fault::kSyncFails, name_)) {
      return IOStatus::IOError("the test's disk failed to sync", name_);
    }
    if (system_->Hit(FaultFileSystem::Fault::kNoSpaceOnSync, name_)) {
      return IOStatus::NoSpace("no space left on the test's disk", name_);
    }
    return IOStatus::OK();
  }

  const std::string name_;
  FaultFileSystem* const system_;
};

bool FaultFileSystem::Hit(Fault fault, const std::string& name) {
  if (fault_.load() != fault || !name.ends_with(suffix_)) return false;
  hits_.fetch_add(1);
  return true;
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& name,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result,
                                          IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &file, debug);
  if (status.ok()) *result = std::make_unique<FaultFile>(std::move(file), name, this);
  return status;
}

IOStatus FaultFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options,
                                       uint64_t* free, IODebugContext* debug) {
  const Fault fault = fault_.load();
  if (fault == Fault::kNoSpace || fault == Fault::kNoSpaceOnSync) {
    *free = 0;
    return IOStatus::OK();
  }
  return FileSystemWrapper::GetFreeSpace(path, options, free, debug);
}

}  // namespace kith::storage
