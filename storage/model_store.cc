#include "storage/model_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"
#include "storage/disk.h"
#include "storage/records.h"

namespace kith::storage {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = 1 << 20;
// A folder being copied: "tmp-<hash>-<number>". No hash begins like this.
constexpr std::string_view kTemporaryPrefix = "tmp-";

absl::Status FileSystemError(const std::error_code& error, std::string_view verb,
                             const std::string& path) {
  return ErrnoError(error.value(), verb, path);
}

// Whether `name` stays inside the folder that it is joined to.
bool IsPlainRelativePath(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) return false;
  for (const fs::path& part : fs::path(name)) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

absl::Status CheckHash(std::string_view hash) {
  if (IsArtifactHash(hash)) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidModel, "{} is not a model's hash", Quoted(hash));
}

// Reads `path` to its end; `use` gets each piece, and may be null. Links are not followed.
absl::StatusOr<store::ModelFile> Hash(const std::string& path, const Call& call,
                                      const std::function<absl::Status(std::string_view)>& use) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError(errno, "open", path);
  const auto close_file = absl::MakeCleanup([fd] { close(fd); });
  struct stat info {};
  if (fstat(fd, &info) != 0) return ErrnoError(errno, "open", path);
  if (!S_ISREG(info.st_mode)) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidModel,
                 "{} is not a regular file", path);
  }
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  store::ModelFile file;
  std::string buffer(kBufferBytes, '\0');
  for (;;) {
    KITH_RETURN_IF_ERROR(call.Check());
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read", path);
    if (got == 0) break;
    const std::string_view piece(buffer.data(), static_cast<size_t>(got));
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
    file.set_size_bytes(file.size_bytes() + piece.size());
    if (use) KITH_RETURN_IF_ERROR(use(piece));
  }
  file.set_xxh3(XXH3_64bits_digest(state.get()));
  return file;
}

absl::StatusOr<store::ModelFile> Copy(const std::string& from, const std::string& to,
                                      const Call& call) {
  KITH_ASSIGN_OR_RETURN(AtomicFile copy, AtomicFile::Create(to));
  KITH_ASSIGN_OR_RETURN(store::ModelFile file, Hash(from, call, [&](std::string_view piece) {
                          return copy.Append(piece);
                        }));
  KITH_RETURN_IF_ERROR(copy.Commit());
  return file;
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return error ? FileSystemError(error, "remove", path) : absl::OkStatus();
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelStore>> ModelStore::Open(std::string folder) {
  KITH_RETURN_IF_ERROR(MakeFolder(folder));
  std::error_code error;
  std::vector<std::string> leftovers;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(kTemporaryPrefix)) {
      leftovers.push_back(it->path().string());
    }
  }
  if (error) return FileSystemError(error, "read", folder);
  for (const std::string& leftover : leftovers) KITH_RETURN_IF_ERROR(RemoveTree(leftover));
  return std::unique_ptr<ModelStore>(new ModelStore(std::move(folder)));
}

absl::StatusOr<store::ModelRecord> ModelStore::Import(const std::string& source_dir,
                                                      std::span<const std::string> files,
                                                      std::string_view artifact_hash,
                                                      const Call& call) {
  KITH_RETURN_IF_ERROR(CheckHash(artifact_hash));
  std::vector<std::string> names(files.begin(), files.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) {
    return InvalidArgument(reason::kInvalidModel, "the model in {} has no files", source_dir);
  }
  for (const std::string& name : names) {
    if (!IsPlainRelativePath(name)) {
      return InvalidArgument(reason::kInvalidModel, "{} is not a file name inside a model",
                             Quoted(name));
    }
  }

  store::ModelRecord record;
  const std::string target = folder_ + "/" + std::string(artifact_hash);
  if (IsFolder(target)) {
    for (const std::string& name : names) {
      KITH_ASSIGN_OR_RETURN(*record.add_files(), Hash(target + "/" + name, call, nullptr));
      record.mutable_files()->rbegin()->set_name(name);
    }
    return record;
  }

  // Relaxed: only the number counts, so that two imports at once do not share a folder.
  static std::atomic<uint64_t> counter{0};
  const std::string temporary = fmt::format("{}/{}{}-{}", folder_, kTemporaryPrefix, artifact_hash,
                                            counter.fetch_add(1, std::memory_order_relaxed));
  auto remove_temporary = absl::MakeCleanup([&] { RemoveTree(temporary).IgnoreError(); });
  KITH_RETURN_IF_ERROR(MakeFolder(temporary));
  for (const std::string& name : names) {
    const std::string to = temporary + "/" + name;
    KITH_RETURN_IF_ERROR(MakeFolder(fs::path(to).parent_path().string()));
    KITH_ASSIGN_OR_RETURN(*record.add_files(), Copy(source_dir + "/" + name, to, call));
    record.mutable_files()->rbegin()->set_name(name);
  }
  if (Disk::Get().Rename(temporary, target) != 0) {
    const int error = errno;
    // Another import of the same model was faster: equal hash, equal files.
    if (error != EEXIST && error != ENOTEMPTY) return ErrnoError(error, "rename", temporary);
    return record;
  }
  std::move(remove_temporary).Cancel();
  KITH_RETURN_IF_ERROR(SyncFolder(folder_));
  return record;
}

absl::StatusOr<std::string> ModelStore::Path(std::string_view artifact_hash) const {
  KITH_RETURN_IF_ERROR(CheckHash(artifact_hash));
  const std::string path = folder_ + "/" + std::string(artifact_hash);
  if (IsFolder(path)) return path;
  return Error(absl::StatusCode::kNotFound, reason::kEncoderNotFound, "the model {} is not in {}",
               artifact_hash, folder_);
}

absl::Status ModelStore::Verify(std::string_view artifact_hash, const store::ModelRecord& record,
                                const Call& call) const {
  KITH_ASSIGN_OR_RETURN(const std::string folder, Path(artifact_hash));
  for (const store::ModelFile& expected : record.files()) {
    const std::string path = folder + "/" + expected.name();
    const auto actual = Hash(path, call, nullptr);
    if (absl::IsNotFound(actual.status())) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{} is missing", path)
          .With("file", path);
    }
    KITH_RETURN_IF_ERROR(actual.status());
    if (actual->size_bytes() != expected.size_bytes() || actual->xxh3() != expected.xxh3()) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "{} is damaged: {} bytes with checksum {:016x} instead of {} with {:016x}", path,
                   actual->size_bytes(), actual->xxh3(), expected.size_bytes(), expected.xxh3())
          .With("file", path);
    }
  }
  return absl::OkStatus();
}

absl::Status ModelStore::Remove(std::string_view artifact_hash) {
  KITH_RETURN_IF_ERROR(CheckHash(artifact_hash));
  const std::string path = folder_ + "/" + std::string(artifact_hash);
  if (!IsFolder(path)) return absl::OkStatus();
  // Renamed first: a removal that is interrupted leaves no half model under its name.
  const std::string temporary =
      folder_ + "/" + std::string(kTemporaryPrefix) + std::string(artifact_hash) + "-removed";
  KITH_RETURN_IF_ERROR(RemoveTree(temporary));
  if (Disk::Get().Rename(path, temporary) != 0) return ErrnoError(errno, "rename", path);
  KITH_RETURN_IF_ERROR(SyncFolder(folder_));
  return RemoveTree(temporary);
}

}  // namespace kith::storage
