// LogCheck: tells a torn tail of the write-ahead log from damage in its middle, before RocksDB
// opens it.
//
// RocksDB drops what it cannot read at the end of a log as a commit that was being written when the
// power went. But a flipped bit in a record's length field, anywhere in the log's last 32 KiB
// block, looks the same to it, and whole commits behind it would be dropped without a word. The
// difference: a commit is written only after the one before was synced. So when a commit begins,
// intact, behind the place that cannot be read, that place had been synced, and is damaged.
// A log that RocksDB has already taken over into tables may still be there, with its torn tail,
// when the power goes a second time: such logs do not count.
//
// Commits of Durability::kApplied are the exception: pages of several unsynced commits may reach
// the disk in any order. Every commit that may have unsynced bytes before it carries a mark; a gap
// before such a commit is taken for a torn tail. What stays undetected is damage to the last commit
// of all.
//
// Only storage/ and its tests use this. Thread-safe: plain functions.

#ifndef KITH_STORAGE_LOG_CHECK_H_
#define KITH_STORAGE_LOG_CHECK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace kith::storage {

// Goes into the log (and nowhere else) with a commit that may have unsynced bytes before it.
inline constexpr std::string_view kUnsyncedMark = "KITH-UNSYNCED";

// Reads the logs of the database in `db_folder`; DATA_LOSS names the file and offset of damage. OK
// if there is no such folder.
absl::Status CheckLogs(const std::string& db_folder);

// The logs of one database, given one after the other from the oldest on.
class LogChecker {
 public:
  // `name` is for the message.
  absl::Status Add(std::string_view log, const std::string& name);

 private:
  struct Gap {
    std::string name;
    size_t offset = 0;
  };
  std::optional<Gap> gap_;  // the first place that cannot be read
  bool tail_is_unsynced_ = false;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_LOG_CHECK_H_
