#include "storage/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

namespace kith::storage {
namespace {

// Release and acquire: who gets a disk sees it whole.
std::atomic<Disk*> replaced{nullptr};

}  // namespace

int Disk::Create(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
}

ssize_t Disk::Write(int fd, const std::string&, const char* bytes, size_t size) {
  return write(fd, bytes, size);
}

int Disk::Sync(int fd, const std::string&) { return fsync(fd); }

int Disk::Rename(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str());
}

int Disk::Remove(const std::string& path) { return unlink(path.c_str()); }

int Disk::MakeFolder(const std::string& path) { return mkdir(path.c_str(), 0700); }

int Disk::SyncFolder(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  errno = error;
  // Some file systems (network mounts) cannot sync a folder, and say EINVAL: they order renames.
  return result != 0 && error == EINVAL ? 0 : result;
}

uint64_t Disk::FreeBytes(const std::string& folder) {
  struct statvfs info {};
  // A file system that cannot say is not full: its writes will tell.
  if (statvfs(folder.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

void Disk::Passed(std::string_view) {}

Disk& Disk::Get() {
  static Disk real;
  Disk* const disk = replaced.load(std::memory_order_acquire);
  return disk != nullptr ? *disk : real;
}

Disk* Disk::Replace(Disk* disk) { return replaced.exchange(disk, std::memory_order_acq_rel); }

}  // namespace kith::storage
