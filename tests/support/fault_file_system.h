// FaultFileSystem: RocksDB's file system on a FaultDisk.

#ifndef KITH_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define KITH_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

namespace kith::fault {

class FaultDisk;

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  // `disk` must outlive it and every file.
  explicit FaultFileSystem(FaultDisk* disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "KithFaultFileSystem"; }

  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;
  using Status = rocksdb::IOStatus;

  Status NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSSequentialFile>* result,
                           Debug* debug) override;
  Status NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                             Debug* debug) override;
  Status NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                         std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) override;
  Status ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                            std::unique_ptr<rocksdb::FSWritableFile>* result,
                            Debug* debug) override;
  Status NewDirectory(const std::string& name, const Options& options,
                      std::unique_ptr<rocksdb::FSDirectory>* result, Debug* debug) override;
  Status DeleteFile(const std::string& name, const Options& options, Debug* debug) override;
  Status RenameFile(const std::string& from, const std::string& to, const Options& options,
                    Debug* debug) override;
  Status CreateDir(const std::string& name, const Options& options, Debug* debug) override;
  Status CreateDirIfMissing(const std::string& name, const Options& options, Debug* debug) override;
  Status GetFreeSpace(const std::string& path, const Options& options, uint64_t* free,
                      Debug* debug) override;

 private:
  FaultDisk* const disk_;
};

// An Env on it, for RocksDB; it does not wait before it tries again what failed.
std::unique_ptr<rocksdb::Env> MakeFaultEnv(FaultDisk* disk);

}  // namespace kith::fault

#endif  // KITH_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
