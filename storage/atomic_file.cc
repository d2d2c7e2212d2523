#include "storage/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/disk.h"

namespace kith::storage {
namespace {

std::string TemporaryOf(const std::string& path) { return path + ".tmp"; }

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::Status ErrnoError(int error, std::string_view verb, const std::string& path) {
  const std::string cause = std::strerror(error);
  switch (error) {
    case ENOENT:
      return Error(absl::StatusCode::kNotFound, reason::kStorageError, "cannot {} {}: {}", verb,
                   path, cause);
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(absl::StatusCode::kPermissionDenied, reason::kStorageError, "cannot {} {}: {}",
                   verb, path, cause);
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
      return Error(absl::StatusCode::kFailedPrecondition, reason::kStorageError, "cannot {} {}: {}",
                   verb, path, cause);
    case ENOSPC:
    case EDQUOT:
      return Error(absl::StatusCode::kResourceExhausted, reason::kDiskWatermark, "cannot {} {}: {}",
                   verb, path, cause);
    default:
      return Error(absl::StatusCode::kInternal, reason::kStorageError, "cannot {} {}: {}", verb,
                   path, cause);
  }
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  const std::string temporary = TemporaryOf(path);
  const int fd = Disk::Get().Create(temporary);
  if (fd < 0) return ErrnoError(errno, "create", temporary);
  return AtomicFile(path, fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  Disk::Get().Remove(TemporaryOf(path_));
}

absl::Status AtomicFile::Append(std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  const std::string temporary = TemporaryOf(path_);
  while (!bytes.empty()) {
    const ssize_t written = Disk::Get().Write(fd_, temporary, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "write", temporary);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  const std::string temporary = TemporaryOf(path_);
  if (Disk::Get().Sync(fd_, temporary) != 0) return ErrnoError(errno, "sync", temporary);
  if (Disk::Get().Rename(temporary, path_) != 0) return ErrnoError(errno, "rename", temporary);
  close(std::exchange(fd_, -1));
  return SyncFolder(FolderOf(path_));
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  KITH_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  KITH_RETURN_IF_ERROR(file.Append(bytes));
  return file.Commit();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open", path);
  std::string bytes;
  absl::Status status;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = ErrnoError(errno, "read", path);
    if (got <= 0) break;
    if (bytes.size() + static_cast<size_t>(got) > size_max) {
      status = Error(absl::StatusCode::kResourceExhausted, reason::kStorageError,
                     "{} is longer than the {} bytes that it may have", path, size_max);
      break;
    }
    bytes.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  if (!status.ok()) return status;
  return bytes;
}

absl::Status SyncFolder(const std::string& folder) {
  if (Disk::Get().SyncFolder(folder) == 0) return absl::OkStatus();
  return ErrnoError(errno, "sync", folder);
}

absl::Status MakeFolder(const std::string& folder) {
  struct stat info {};
  if (stat(folder.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, reason::kStorageError,
                 "{} is a file, not a folder", folder);
  }
  if (errno != ENOENT) return ErrnoError(errno, "open", folder);
  std::string trimmed = folder;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const std::string parent = FolderOf(trimmed);
  KITH_RETURN_IF_ERROR(MakeFolder(parent));
  if (Disk::Get().MakeFolder(trimmed) != 0 && errno != EEXIST) {
    return ErrnoError(errno, "create", trimmed);
  }
  return SyncFolder(parent);
}

}  // namespace kith::storage
