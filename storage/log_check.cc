// The log's format is LevelDB's (doc/log_format.md there): blocks of 32 KiB, in them records of
//
//   masked CRC-32C of type and data, u32 | length of data, u16 | type, u8 | data
//
// numbers little-endian; a commit is one FULL record, or FIRST, MIDDLE..., LAST. Fewer than 7 bytes
// at a block's end are zero.

#include "storage/log_check.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/options.h>
#include <rocksdb/wal_filter.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"
#include "storage/disk.h"

namespace kith::storage {
namespace {

constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;

enum Type : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Record {
  uint8_t type = 0;
  std::string_view data;
  size_t end = 0;  // offset behind it
};

uint32_t Crc32c(std::string_view bytes) {
  const auto generator =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  generator->Update(bytes.data(), bytes.size());
  generator->Finalize();
  const std::string checksum = generator->GetChecksum();  // big-endian
  uint32_t crc = 0;
  for (unsigned char byte : checksum) crc = crc << 8 | byte;
  return crc;
}

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

uint8_t ByteAt(std::string_view log, size_t at) { return static_cast<uint8_t>(log[at]); }

// The intact record that begins at `at`, if one does.
std::optional<Record> RecordAt(std::string_view log, size_t at) {
  const size_t block_end = std::min(log.size(), (at / kBlockBytes + 1) * kBlockBytes);
  if (at + kHeaderBytes > block_end) return std::nullopt;
  const uint8_t type = ByteAt(log, at + 6);
  if (type < kFull || type > kLast) return std::nullopt;
  const size_t length = ByteAt(log, at + 4) | static_cast<size_t>(ByteAt(log, at + 5)) << 8;
  if (at + kHeaderBytes + length > block_end) return std::nullopt;
  uint32_t expected = 0;
  for (int i = 3; i >= 0; --i) expected = expected << 8 | ByteAt(log, at + i);
  if (expected != Masked(Crc32c(log.substr(at + 6, 1 + length)))) return std::nullopt;
  return Record{type, log.substr(at + kHeaderBytes, length), at + kHeaderBytes + length};
}

// Where the next record may begin: behind the padding of a block whose end is near.
size_t SkipPadding(size_t at) {
  const size_t left = kBlockBytes - at % kBlockBytes;
  return left < kHeaderBytes ? at + left : at;
}

struct Commit {
  bool marked = false;
  size_t end = 0;  // offset behind it
};

// The whole commit that begins at `at`, if one does.
std::optional<Commit> CommitAt(std::string_view log, size_t at) {
  auto record = RecordAt(log, at);
  if (!record || (record->type != kFull && record->type != kFirst)) return std::nullopt;
  std::string data(record->data);
  while (record->type != kFull && record->type != kLast) {
    record = RecordAt(log, SkipPadding(record->end));
    if (!record || (record->type != kMiddle && record->type != kLast)) return std::nullopt;
    data += record->data;
  }
  return Commit{data.find(kUnsyncedMark) != std::string::npos, record->end};
}

// A file's bytes, mapped: a log may be hundreds of megabytes.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ErrnoError(errno, "open", path);
    const auto close_file = absl::MakeCleanup([fd] { close(fd); });
    struct stat info {};
    if (fstat(fd, &info) != 0) return ErrnoError(errno, "open", path);
    const auto size = static_cast<size_t>(info.st_size);
    if (size == 0) return MappedFile(nullptr, 0);
    void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return ErrnoError(errno, "map", path);
    return MappedFile(bytes, size);
  }
  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
  }

  std::string_view bytes() const { return {static_cast<const char*>(bytes_), size_}; }

 private:
  MappedFile(void* bytes, size_t size) : bytes_(bytes), size_(size) {}
  void* bytes_;
  size_t size_;
};

// Takes down from which log on RocksDB would read, and lets it read nothing.
class LogNumbers : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "KithLogNumbers"; }
  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>& numbers,
                                const std::map<std::string, uint32_t>&) override {
    for (const auto& [family, number] : numbers) first_ = std::min(first_, number);
  }
  WalProcessingOption LogRecord(const rocksdb::WriteBatch&, rocksdb::WriteBatch*,
                                bool*) const override {
    return WalProcessingOption::kStopReplay;
  }
  uint64_t first() const { return first_; }

 private:
  uint64_t first_ = UINT64_MAX;
};

// The number of the first log that is not in tables yet, as RocksDB's manifest says; 0 if it cannot
// be asked. Changes nothing.
uint64_t FirstLiveLog(const std::string& db_folder) {
  LogNumbers numbers;
  rocksdb::Options options;
  if (rocksdb::Env* const env = Disk::Get().env()) options.env = env;
  options.wal_filter = &numbers;
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(options, db_folder, &names).ok()) return 0;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::OpenForReadOnly(options, db_folder, families, &handles, &opened).ok()) return 0;
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return numbers.first();
}

// Logs are named by their numbers.
uint64_t LogNumber(const std::string& path) {
  return std::strtoull(std::filesystem::path(path).stem().c_str(), nullptr, 10);
}

absl::Status CheckAll(const std::vector<std::string>& paths) {
  LogChecker checker;
  for (const std::string& path : paths) {
    KITH_ASSIGN_OR_RETURN(const MappedFile log, MappedFile::Open(path));
    KITH_RETURN_IF_ERROR(checker.Add(log.bytes(), path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LogChecker::Add(std::string_view log, const std::string& name) {
  size_t at = 0;
  while (!gap_ && at < log.size()) {
    const auto commit = CommitAt(log, at);
    if (!commit) {
      gap_ = Gap{name, at};
      ++at;
      break;
    }
    at = SkipPadding(commit->end);
  }
  if (!gap_ || tail_is_unsynced_) return absl::OkStatus();
  // `at` is behind a place that cannot be read. Does a commit begin anywhere from there on?
  for (; at + kHeaderBytes <= log.size(); ++at) {
    const uint8_t type = ByteAt(log, at + 6);
    if (type != kFull && type != kFirst) continue;
    const auto commit = CommitAt(log, at);
    if (!commit) continue;
    if (commit->marked) {
      tail_is_unsynced_ = true;
      return absl::OkStatus();
    }
    return Error(
               absl::StatusCode::kDataLoss, reason::kCorruption,
               "the log {} is damaged at offset {}: it cannot be read there, but was synced, since "
               "another commit follows at offset {} of {}",
               gap_->name, gap_->offset, at, name)
        .With("file", gap_->name)
        .With("offset", gap_->offset);
  }
  return absl::OkStatus();
}

absl::Status CheckLogs(const std::string& db_folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::directory_iterator it(db_folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".log") paths.push_back(it->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "read", db_folder);
  }
  // By number: names have six digits, and more when those are used up.
  std::sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  const absl::Status checked = CheckAll(paths);
  if (checked.ok()) return checked;
  const uint64_t first = FirstLiveLog(db_folder);
  if (std::erase_if(paths, [&](const std::string& path) { return LogNumber(path) < first; }) == 0) {
    return checked;
  }
  return CheckAll(paths);
}

}  // namespace kith::storage
