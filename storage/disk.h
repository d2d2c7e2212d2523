// Disk: the few calls by which storage changes files itself (AtomicFile, folders, removals), and
// the file system that RocksDB uses. The real one forwards to the operating system. Tests put
// another in its place, which fails, fills up and loses power (tests/support/fault_disk.h).
//
// Thread-safe, as far as the file system is.

#ifndef KITH_STORAGE_DISK_H_
#define KITH_STORAGE_DISK_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rocksdb {
class Env;
}

namespace kith::storage {

class Disk {
 public:
  Disk() = default;
  virtual ~Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // As the system calls: -1, and errno says why.
  virtual int Create(const std::string& path);  // empty, for writing: a descriptor
  virtual ssize_t Write(int fd, const std::string& path, const char* bytes, size_t size);
  virtual int Sync(int fd, const std::string& path);
  virtual int Rename(const std::string& from, const std::string& to);
  virtual int Remove(const std::string& path);
  virtual int MakeFolder(const std::string& path);
  virtual int SyncFolder(const std::string& path);

  // Bytes that we may still write in the file system of `folder`; UINT64_MAX if it cannot say.
  virtual uint64_t FreeBytes(const std::string& folder);
  // For RocksDB; null: its own. It must outlive every store and snapshot.
  virtual rocksdb::Env* env() { return nullptr; }
  // A place between two calls that a test wants to stop at.
  virtual void Passed(std::string_view point);

  // The one that all of storage uses.
  static Disk& Get();
  // Puts `disk` in its place (null: the real one) and returns the former. For tests, while no store
  // is open.
  static Disk* Replace(Disk* disk);
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_DISK_H_
