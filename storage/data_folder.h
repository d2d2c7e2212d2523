// DataFolder: whose folder this is. Holds the lock that keeps a second process out, and the FORMAT
// file that says which version of Kith may read what is in it.
//
//   LOCK     the holder's process id; locked by flock(2), so that it is free again however it died
//   FORMAT   magic, version, state, uuid, checksum (docs/formats/data-folder.md)
//   db/      RocksDB
//   models/  ModelStore
//   segments/  SegmentFiles
//
// Only storage/ and its tests use this. Thread-safety: constant after Open.

#ifndef KITH_STORAGE_DATA_FOLDER_H_
#define KITH_STORAGE_DATA_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/types.h"

namespace kith::storage {

// The version that this program writes, and the newest that it reads.
// 2: manifests of segments, which version 1 would not know to keep in step.
// 3: updates of metadata, and the files that a segment has of metadata and terms.
// 4: counts by vector space; collections whose spaces are numbered otherwise than 0.
inline constexpr uint32_t kFormatVersion = 4;

class DataFolder {
 public:
  // Locks `path`, after making it if it is not there and `create_if_missing`. An empty folder is
  // Kith's from now on; one with other things in it is refused. See Store::Open for the errors.
  static absl::StatusOr<std::unique_ptr<DataFolder>> Open(const std::string& path,
                                                          bool create_if_missing);
  ~DataFolder();  // unlocks
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  const std::string& path() const { return path_; }
  const Uuid& uuid() const { return uuid_; }
  std::string db_path() const { return path_ + "/db"; }
  std::string models_path() const { return path_ + "/models"; }
  std::string segments_path() const { return path_ + "/segments"; }

  // False while the folder was never opened to the end: a database that is missing may be made,
  // while in a folder that was complete it is a loss.
  bool complete() const { return complete_; }
  // Records that the database was made, and that this version uses it.
  absl::Status MarkComplete();

 private:
  DataFolder(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  absl::Status ReadFormat();
  absl::Status WriteFormat();

  const std::string path_;
  const int lock_fd_;
  Uuid uuid_{};
  bool complete_ = false;
  uint32_t version_ = kFormatVersion;  // of the FORMAT file
};

// Sixteen random bytes, from the system's generator.
absl::StatusOr<Uuid> RandomUuid();

}  // namespace kith::storage

#endif  // KITH_STORAGE_DATA_FOLDER_H_
