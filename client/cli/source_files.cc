#include "client/cli/source_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "client/cli/exit_code.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;

std::optional<FileKind> KindOf(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".txt") return FileKind::kText;
  if (extension == ".md" || extension == ".markdown") return FileKind::kMarkdown;
  if (extension == ".jsonl" || extension == ".ndjson") return FileKind::kJsonLines;
  if (extension == ".fvecs") return FileKind::kFvecs;
  return std::nullopt;
}

uint64_t SizeOf(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  return error ? 0 : size;  // only for progress: a pipe has no size
}

absl::Status WalkFolder(const fs::path& folder, SourceFiles& found) {
  std::vector<SourceFile> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    std::error_code ignored;
    if (path.filename().native().starts_with('.')) {
      if (entry->is_directory(ignored)) entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file(ignored)) continue;
    if (const auto kind = KindOf(path)) {
      files.push_back(
          {path.string(), path.lexically_relative(folder).generic_string(), *kind, SizeOf(path)});
    } else {
      ++found.skipped;
    }
  }
  if (error) return UsageError("{}: cannot read the folder: {}", folder.string(), error.message());
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.id < b.id; });
  std::move(files.begin(), files.end(), std::back_inserter(found.files));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SourceFiles> FindSourceFiles(const std::vector<std::string>& paths) {
  SourceFiles found;
  for (const std::string& name : paths) {
    const fs::path path(name);
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      return UsageError("{}: {}", name, error ? error.message() : "no such file or folder");
    }
    if (fs::is_directory(status)) {
      KITH_RETURN_IF_ERROR(WalkFolder(path, found));
      continue;
    }
    const auto kind = KindOf(path);
    if (!kind)
      return UsageError("{}: neither a folder nor a .txt, .md, .jsonl or .fvecs file", name);
    found.files.push_back({name, path.filename().string(), *kind, SizeOf(path)});
  }
  for (const SourceFile& file : found.files) found.bytes += file.bytes;
  return found;
}

}  // namespace kith::cli
