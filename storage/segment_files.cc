#include "storage/segment_files.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include "fmt/format.h"
#include "kith/base/status_macros.h"
#include "storage/atomic_file.h"
#include "storage/disk.h"

namespace kith::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGraph = "graph";
constexpr std::string_view kRows = "rows";
constexpr std::string_view kTerms = "terms";
constexpr std::string_view kMetadata = "meta";
constexpr std::string_view kTemporary = ".tmp";

// A whole decimal number as Path() prints it: no sign, no leading zero.
template <typename T>
std::optional<T> ParseDecimal(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (fmt::format("{}", value) != text) return std::nullopt;
  return value;
}

struct FileName {
  SpaceNumber space = 0;
  uint64_t id = 0;
  std::optional<uint64_t> generation;  // of metadata
  bool temporary = false;
};

// "<space>-<id>.graph", ".rows" or ".terms", "<space>-<id>-<generation>.meta", and each with ".tmp"
// behind.
std::optional<FileName> ParseFileName(std::string_view name) {
  FileName parsed;
  if (name.ends_with(kTemporary)) {
    parsed.temporary = true;
    name.remove_suffix(kTemporary.size());
  }
  const size_t dash = name.find('-');
  const size_t dot = name.find('.');
  if (dash == name.npos || dot == name.npos || dash > dot) return std::nullopt;
  const auto space = ParseDecimal<SpaceNumber>(name.substr(0, dash));
  std::string_view numbers = name.substr(dash + 1, dot - dash - 1);
  const std::string_view kind = name.substr(dot + 1);
  if (kind == kMetadata) {
    const size_t second = numbers.find('-');
    if (second == numbers.npos) return std::nullopt;
    parsed.generation = ParseDecimal<uint64_t>(numbers.substr(second + 1));
    if (!parsed.generation) return std::nullopt;
    numbers = numbers.substr(0, second);
  } else if (kind != kGraph && kind != kRows && kind != kTerms) {
    return std::nullopt;
  }
  const auto id = ParseDecimal<uint64_t>(numbers);
  if (!space || !id) return std::nullopt;
  parsed.space = *space;
  parsed.id = *id;
  return parsed;
}

bool Names(const Manifests& manifests, ShardNumber shard, const FileName& file) {
  if (file.temporary) return false;
  const auto manifest = manifests.find({shard, file.space});
  if (manifest == manifests.end()) return false;
  for (const store::SegmentRecord& segment : manifest->second.segments()) {
    if (segment.id() == file.id) {
      return !file.generation || *file.generation == segment.metadata_generation();
    }
  }
  return false;
}

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoError(error.value(), "read", folder);
  return names;
}

absl::Status RemoveFile(const std::string& path) {
  if (Disk::Get().Remove(path) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoError(errno, "remove", path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentFiles>> SegmentFiles::Open(std::string folder) {
  KITH_RETURN_IF_ERROR(MakeFolder(folder));
  return std::unique_ptr<SegmentFiles>(new SegmentFiles(std::move(folder)));
}

std::string SegmentFiles::ShardFolder(ShardNumber shard) const {
  return fmt::format("{}/{}", folder_, shard);
}

std::string SegmentFiles::Path(ShardNumber shard, SpaceNumber space, uint64_t id,
                               std::string_view kind) const {
  return fmt::format("{}/{}/{}-{}.{}", folder_, shard, space, id, kind);
}

std::string SegmentFiles::GraphPath(ShardNumber shard, SpaceNumber space, uint64_t id) const {
  return Path(shard, space, id, kGraph);
}

std::string SegmentFiles::RowsPath(ShardNumber shard, SpaceNumber space, uint64_t id) const {
  return Path(shard, space, id, kRows);
}

std::string SegmentFiles::TermsPath(ShardNumber shard, SpaceNumber space, uint64_t id) const {
  return Path(shard, space, id, kTerms);
}

std::string SegmentFiles::MetadataPath(ShardNumber shard, SpaceNumber space, uint64_t id,
                                       uint64_t generation) const {
  return fmt::format("{}/{}/{}-{}-{}.{}", folder_, shard, space, id, generation, kMetadata);
}

absl::Status SegmentFiles::Prepare(ShardNumber shard) const {
  return MakeFolder(ShardFolder(shard));
}

absl::Status SegmentFiles::Remove(ShardNumber shard, SpaceNumber space, uint64_t id,
                                  uint64_t metadata_generation) const {
  KITH_RETURN_IF_ERROR(RemoveFile(GraphPath(shard, space, id)));
  KITH_RETURN_IF_ERROR(RemoveFile(RowsPath(shard, space, id)));
  KITH_RETURN_IF_ERROR(RemoveFile(TermsPath(shard, space, id)));
  return RemoveMetadata(shard, space, id, metadata_generation);
}

absl::Status SegmentFiles::RemoveMetadata(ShardNumber shard, SpaceNumber space, uint64_t id,
                                          uint64_t generation) const {
  return RemoveFile(MetadataPath(shard, space, id, generation));
}

absl::Status SegmentFiles::RemoveSpace(ShardNumber shard, SpaceNumber space) const {
  const std::string folder = ShardFolder(shard);
  if (!fs::exists(folder)) return absl::OkStatus();
  KITH_ASSIGN_OR_RETURN(const auto files, NamesIn(folder));
  for (const std::string& file : files) {
    const auto name = ParseFileName(file);
    if (!name || name->space != space) continue;
    KITH_RETURN_IF_ERROR(RemoveFile(folder + "/" + file));
  }
  return absl::OkStatus();
}

absl::Status SegmentFiles::RemoveShard(ShardNumber shard) const {
  std::error_code error;
  fs::remove_all(ShardFolder(shard), error);
  if (error) return ErrnoError(error.value(), "remove", ShardFolder(shard));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SegmentFiles::RemoveOrphans(
    const Manifests& manifests) const {
  std::vector<std::string> removed;
  KITH_ASSIGN_OR_RETURN(const auto shards, NamesIn(folder_));
  for (const std::string& shard_name : shards) {
    const auto shard = ParseDecimal<ShardNumber>(shard_name);
    const std::string folder = folder_ + "/" + shard_name;
    struct stat info {};
    if (!shard || lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    KITH_ASSIGN_OR_RETURN(const auto files, NamesIn(folder));
    for (const std::string& file : files) {
      const auto name = ParseFileName(file);
      if (!name || Names(manifests, *shard, *name)) continue;
      removed.push_back(folder + "/" + file);
      KITH_RETURN_IF_ERROR(RemoveFile(removed.back()));
    }
    rmdir(folder.c_str());  // goes when it is empty, else stays
  }
  return removed;
}

}  // namespace kith::storage
