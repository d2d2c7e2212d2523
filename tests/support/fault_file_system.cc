#include "tests/support/fault_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/system_clock.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>

#include "tests/support/fault_disk.h"

namespace kith::fault {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus StatusOf(int error, const std::string& path) {
  if (error == 0) return IOStatus::OK();
  if (error == ENOSPC) return IOStatus::NoSpace(std::strerror(error), path);
  return IOStatus::IOError(std::strerror(error), path);
}

// Runs a call of FaultDisk with an action of RocksDB's: what the action said counts, unless the
// fault came before it.
template <typename Call>
IOStatus Run(const std::string& path, const Call& call) {
  IOStatus real = IOStatus::OK();
  const int error = call(real);
  if (!real.ok()) return real;
  return StatusOf(error, path);
}

int AsErrno(const IOStatus& status) { return status.ok() ? 0 : EIO; }

class WritableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name, FaultDisk* disk)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return Run(name_, [&](IOStatus& real) {
      size_t wrote = 0;
      const int error = disk_->DoWrite(name_, data.size(), [&](size_t size) {
        wrote = size;
        real = FSWritableFileOwnerWrapper::Append(Slice(data.data(), size), options, debug);
        return AsErrno(real);
      });
      // RocksDB's append is whole or an error.
      return error == 0 && wrote < data.size() ? EIO : error;
    });
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    return Run(name_, [&](IOStatus& real) {
      return disk_->DoTruncate(name_, size, [&] {
        real = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
        return AsErrno(real);
      });
    });
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return StatusOf(disk_->DoSync(name_), name_);
  }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return StatusOf(disk_->DoSync(name_), name_);
  }
  // A hint: it makes nothing durable.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  const std::string name_;
  FaultDisk* const disk_;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string name,
                   FaultDisk* disk)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}

  IOStatus Read(uint64_t offset, size_t size, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* debug) const override {
    if (const int error = disk_->DoRead(name_, &size); error != 0) return StatusOf(error, name_);
    return FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch, debug);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    for (size_t i = 0; i < count; ++i) {
      requests[i].status = Read(requests[i].offset, requests[i].len, options, &requests[i].result,
                                requests[i].scratch, debug);
    }
    return IOStatus::OK();
  }

 private:
  const std::string name_;
  FaultDisk* const disk_;
};

class SequentialFile : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::string name, FaultDisk* disk)
      : FSSequentialFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}

  IOStatus Read(size_t size, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    if (const int error = disk_->DoRead(name_, &size); error != 0) return StatusOf(error, name_);
    return FSSequentialFileOwnerWrapper::Read(size, options, result, scratch, debug);
  }

 private:
  const std::string name_;
  FaultDisk* const disk_;
};

class Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string name, FaultDisk* disk)
      : FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), disk_(disk) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return StatusOf(disk_->DoSyncFolder(name_), name_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return StatusOf(disk_->DoSyncFolder(name_), name_);
  }

 private:
  const std::string name_;
  FaultDisk* const disk_;
};

// RocksDB waits a second after work in the background failed, before it tries again.
class ImpatientClock : public rocksdb::SystemClockWrapper {
 public:
  ImpatientClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "KithImpatientClock"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

class FaultEnv : public rocksdb::EnvWrapper {
 public:
  explicit FaultEnv(FaultDisk* disk)
      : FaultEnv(rocksdb::NewCompositeEnv(std::make_shared<FaultFileSystem>(disk))) {}
  const char* Name() const override { return "KithFaultEnv"; }

 private:
  explicit FaultEnv(std::unique_ptr<rocksdb::Env> env)
      : EnvWrapper(env.get()), env_(std::move(env)) {
    system_clock_ = std::make_shared<ImpatientClock>();
  }
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeFaultEnv(FaultDisk* disk) {
  return std::make_unique<FaultEnv>(disk);
}

IOStatus FaultFileSystem::NewSequentialFile(const std::string& name, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                            IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  IOStatus status = FileSystemWrapper::NewSequentialFile(name, options, &file, debug);
  if (status.ok()) *result = std::make_unique<SequentialFile>(std::move(file), name, disk_);
  return status;
}

IOStatus FaultFileSystem::NewRandomAccessFile(const std::string& name, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                              IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(name, options, &file, debug);
  if (status.ok()) *result = std::make_unique<RandomAccessFile>(std::move(file), name, disk_);
  return status;
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& name, const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result,
                                          IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = Run(name, [&](IOStatus& real) {
    return disk_->DoCreate(name, [&] {
      real = FileSystemWrapper::NewWritableFile(name, options, &file, debug);
      return AsErrno(real);
    });
  });
  if (status.ok()) *result = std::make_unique<WritableFile>(std::move(file), name, disk_);
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* result,
                                             IODebugContext* debug) {
  uint64_t size = 0;
  const bool there = FileSystemWrapper::GetFileSize(name, {}, &size, debug).ok();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = Run(name, [&](IOStatus& real) {
    return disk_->DoCreate(name, [&] {
      real = FileSystemWrapper::ReopenWritableFile(name, options, &file, debug);
      return AsErrno(real);
    });
  });
  if (!status.ok()) return status;
  if (there) disk_->Adopt(name, size);
  *result = std::make_unique<WritableFile>(std::move(file), name, disk_);
  return status;
}

IOStatus FaultFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* result,
                                       IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = FileSystemWrapper::NewDirectory(name, options, &directory, debug);
  if (status.ok()) *result = std::make_unique<Directory>(std::move(directory), name, disk_);
  return status;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                     IODebugContext* debug) {
  return Run(name, [&](IOStatus& real) {
    return disk_->DoRemove(name, [&] {
      real = FileSystemWrapper::DeleteFile(name, options, debug);
      return AsErrno(real);
    });
  });
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions& options, IODebugContext* debug) {
  return Run(to, [&](IOStatus& real) {
    return disk_->DoRename(from, to, [&] {
      real = FileSystemWrapper::RenameFile(from, to, options, debug);
      return AsErrno(real);
    });
  });
}

IOStatus FaultFileSystem::CreateDir(const std::string& name, const IOOptions& options,
                                    IODebugContext* debug) {
  return Run(name, [&](IOStatus& real) {
    return disk_->DoMakeFolder(name, [&] {
      real = FileSystemWrapper::CreateDir(name, options, debug);
      return AsErrno(real);
    });
  });
}

IOStatus FaultFileSystem::CreateDirIfMissing(const std::string& name, const IOOptions& options,
                                             IODebugContext* debug) {
  return Run(name, [&](IOStatus& real) {
    return disk_->DoMakeFolder(name, [&] {
      real = FileSystemWrapper::CreateDirIfMissing(name, options, debug);
      return AsErrno(real);
    });
  });
}

IOStatus FaultFileSystem::GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* free,
                                       IODebugContext*) {
  *free = disk_->FreeBytes(path);
  return IOStatus::OK();
}

}  // namespace kith::fault
