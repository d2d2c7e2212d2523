// Files that are there whole or not at all: written beside their place, synced, renamed, and the
// folder synced. Also the few calls of the file system that go with it, with statuses for errno.
//
// Thread-safe, as far as the file system is.

#ifndef KITH_STORAGE_ATOMIC_FILE_H_
#define KITH_STORAGE_ATOMIC_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kith::storage {

// What `error` (an errno) means for somebody who tried to `verb` ("write", "open") `path`:
// NOT_FOUND, PERMISSION_DENIED (also a read-only file system), RESOURCE_EXHAUSTED (DISK_WATERMARK)
// or INTERNAL (STORAGE_ERROR).
absl::Status ErrnoError(int error, std::string_view verb, const std::string& path);

// A file under construction. Commit() puts it into its place, over whatever was there; without it,
// nothing remains. After a power cut there is the old file or the new one.
class AtomicFile {
 public:
  // Readers never see `path` change before Commit. What is written goes to `path` + ".tmp".
  static absl::StatusOr<AtomicFile> Create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Append(std::string_view bytes);
  // Sync, rename, sync of the folder. Nothing may follow. An error leaves the old file, or (only
  // when the last sync failed) the new one.
  absl::Status Commit();

 private:
  AtomicFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;  // -1: committed or moved from
};

// All of `bytes` by one AtomicFile.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

// The whole file; RESOURCE_EXHAUSTED if it is longer than `size_max`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max);

// Makes what was created, renamed or removed in `folder` survive a power cut.
absl::Status SyncFolder(const std::string& folder);

// Makes `folder` with mode 0700, and its parents; OK if it is there. Each new entry is synced.
absl::Status MakeFolder(const std::string& folder);

}  // namespace kith::storage

#endif  // KITH_STORAGE_ATOMIC_FILE_H_
