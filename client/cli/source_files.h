// The files that `kith ingest` is pointed at: which ones they are, and the ids that they give.

#ifndef KITH_CLIENT_CLI_SOURCE_FILES_H_
#define KITH_CLIENT_CLI_SOURCE_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::cli {

enum class FileKind { kText, kMarkdown, kJsonLines, kFvecs };

struct SourceFile {
  std::string path;  // to open it by
  std::string
      id;  // relative to the folder it was found in, '/' between; its name if it was named itself
  FileKind kind = FileKind::kText;
  uint64_t bytes = 0;
};

struct SourceFiles {
  std::vector<SourceFile> files;  // a folder's in the order of their ids
  uint64_t bytes = 0;
  uint64_t skipped = 0;  // files in folders that are of no kind above
};

// Folders are walked recursively; names that begin with a dot are left out, links to folders not
// followed. INVALID_ARGUMENT for a path that does not exist, or a file named itself that is of no
// known kind.
absl::StatusOr<SourceFiles> FindSourceFiles(const std::vector<std::string>& paths);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_SOURCE_FILES_H_
