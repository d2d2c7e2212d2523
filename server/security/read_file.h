// Reading a small file whole: keys, certificates.

#ifndef KITH_SERVER_SECURITY_READ_FILE_H_
#define KITH_SERVER_SECURITY_READ_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace kith::security {

struct FileContent {
  std::string text;
  mode_t mode = 0;  // of the file that was read, symbolic links followed
};

// INVALID_ARGUMENT that names the file: not there, not readable, no regular file, over `most`
// bytes.
absl::StatusOr<FileContent> ReadSmallFile(const std::string& path, size_t most);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_READ_FILE_H_
