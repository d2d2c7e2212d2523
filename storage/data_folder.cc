#include "storage/data_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"

namespace kith::storage {
namespace {

// FORMAT, 48 bytes, numbers little-endian:
//   0 magic "KITHDATA" | 8 version u32 | 12 state u32 | 16 uuid | 32 zero u64 | 40 XXH3-64 of 0..39
constexpr std::string_view kMagic = "KITHDATA";
constexpr size_t kFormatBytes = 48;
constexpr size_t kHashedBytes = 40;

// Persisted: never renumber.
enum class State : uint32_t {
  kIncomplete = 1,  // the database was not made yet
  kComplete = 2,
};

template <typename T>
void PutLittleEndian(std::string& out, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

template <typename T>
T GetLittleEndian(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

absl::Status Damaged(const std::string& path, const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{} is damaged: {}", path, what);
}

// The names in `folder`, without "." and "..".
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder) {
  DIR* const dir = opendir(folder.c_str());
  if (dir == nullptr) return ErrnoError(errno, "read", folder);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

// Says whose folder it is when it has no FORMAT file: nobody's, or somebody else's.
absl::Status CheckUnclaimed(const std::string& folder) {
  KITH_ASSIGN_OR_RETURN(const auto names, NamesIn(folder));
  for (const std::string& name : names) {
    // What a process that died while it claimed the folder may leave, and what mkfs does.
    if (name == "LOCK" || name == "FORMAT.tmp" || name == "lost+found") continue;
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "{} is not a data folder of Kith: it has no FORMAT file, but holds {}; choose an "
                 "empty or a new folder",
                 folder, Quoted(name));
  }
  return absl::OkStatus();
}

// Locks the open file and leaves our process id in it.
absl::Status Lock(int fd, const std::string& folder) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) return ErrnoError(error, "lock", folder + "/LOCK");
    char pid[32] = {};
    const ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);
    const std::string holder = got > 0 ? std::string(pid, std::strcspn(pid, "\n")) : "unknown";
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDataFolderInUse,
                 "the data folder {} is in use by process {}", folder, holder)
        .With("pid", holder)
        .With("folder", folder);
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return ErrnoError(errno, "write", folder + "/LOCK");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Uuid> RandomUuid() {
  Uuid uuid;
  if (getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size())) {
    return ErrnoError(errno, "read", "the system's random numbers");
  }
  return uuid;
}

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::Open(const std::string& path,
                                                             bool create_if_missing) {
  struct stat info {};
  const bool missing = stat(path.c_str(), &info) != 0 && errno == ENOENT;
  if (missing && !create_if_missing) {
    return Error(absl::StatusCode::kNotFound, reason::kStorageError, "there is no data folder {}",
                 path);
  }
  KITH_RETURN_IF_ERROR(MakeFolder(path));

  // Somebody else's folder is not even given a LOCK file.
  const bool claimed = stat((path + "/FORMAT").c_str(), &info) == 0;
  if (!claimed) KITH_RETURN_IF_ERROR(CheckUnclaimed(path));
  if (!claimed && !create_if_missing) {
    return Error(absl::StatusCode::kNotFound, reason::kStorageError,
                 "{} is empty: there is no data of Kith in it", path);
  }

  const std::string lock_path = path + "/LOCK";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return ErrnoError(errno, "write to the data folder: open", lock_path);
  std::unique_ptr<DataFolder> folder(new DataFolder(path, fd));
  KITH_RETURN_IF_ERROR(Lock(fd, path));

  // Asked again under the lock: another process may have claimed it just now.
  if (stat((path + "/FORMAT").c_str(), &info) == 0) {
    KITH_RETURN_IF_ERROR(folder->ReadFormat());
  } else {
    KITH_ASSIGN_OR_RETURN(folder->uuid_, RandomUuid());
    KITH_RETURN_IF_ERROR(folder->WriteFormat());
  }
  return folder;
}

DataFolder::~DataFolder() { close(lock_fd_); }

absl::Status DataFolder::MarkComplete() {
  if (complete_ && version_ == kFormatVersion) return absl::OkStatus();
  complete_ = true;
  version_ = kFormatVersion;
  return WriteFormat();
}

absl::Status DataFolder::ReadFormat() {
  const std::string path = path_ + "/FORMAT";
  // A newer version's file may be longer: its first bytes still say so.
  KITH_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, 1 << 20));
  if (bytes.size() < kMagic.size() + 4 || !bytes.starts_with(kMagic)) {
    return Damaged(path, fmt::format("{} bytes without the magic {}", bytes.size(), kMagic));
  }
  const auto version = GetLittleEndian<uint32_t>(bytes, 8);
  if (version > kFormatVersion && version < 0x10000) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "{} was written by a newer Kith: its format is version {}, this program reads up "
                 "to version {}",
                 path_, version, kFormatVersion)
        .With("version", version)
        .With("supported", kFormatVersion);
  }
  if (bytes.size() != kFormatBytes) {
    return Damaged(path, fmt::format("{} bytes instead of {}", bytes.size(), kFormatBytes));
  }
  const uint64_t expected = GetLittleEndian<uint64_t>(bytes, kHashedBytes);
  const uint64_t actual = XXH3_64bits(bytes.data(), kHashedBytes);
  if (expected != actual) {
    return Damaged(path, fmt::format("checksum {:016x} instead of {:016x}", actual, expected));
  }
  const auto state = GetLittleEndian<uint32_t>(bytes, 12);
  if (version < 1 || version > kFormatVersion || (state != 1 && state != 2)) {
    return Damaged(path, fmt::format("version {}, state {}", version, state));
  }
  version_ = version;
  complete_ = state == static_cast<uint32_t>(State::kComplete);
  std::memcpy(uuid_.data(), bytes.data() + 16, uuid_.size());
  return absl::OkStatus();
}

absl::Status DataFolder::WriteFormat() {
  std::string bytes(kFormatBytes, '\0');
  kMagic.copy(bytes.data(), kMagic.size());
  PutLittleEndian<uint32_t>(bytes, 8, version_);
  PutLittleEndian<uint32_t>(
      bytes, 12, static_cast<uint32_t>(complete_ ? State::kComplete : State::kIncomplete));
  std::memcpy(bytes.data() + 16, uuid_.data(), uuid_.size());
  PutLittleEndian<uint64_t>(bytes, kHashedBytes, XXH3_64bits(bytes.data(), kHashedBytes));
  return WriteFileAtomically(path_ + "/FORMAT", bytes);
}

}  // namespace kith::storage
