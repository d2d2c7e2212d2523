// The file of keys. One JSON object a line; empty lines and lines that begin with # are skipped:
//
//   # made by `kith keys create`
//   {"name": "indexer", "role": "writer", "collections": ["articles"], "sha256": "9f86d0..."}
//
// `name` is for logs: 1 to 64 letters, digits, dots, dashes and underscores, each once in the file.
// `role` is reader, writer or admin. `collections` is left out for a key to all of them. `sha256`
// is the digest of the whole key. Anything else in a line is an error: a mistyped field must not
// make a key mightier than it was meant to be.
//
// Pure, but for reading the file.

#ifndef KITH_SERVER_SECURITY_KEY_FILE_H_
#define KITH_SERVER_SECURITY_KEY_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/security/key_digest.h"
#include "server/security/principal.h"

namespace kith::security {

struct KeyEntry {
  KeyDigest digest;
  Principal principal;
};

// INVALID_ARGUMENT with `source` and the line. No message repeats a digest.
absl::StatusOr<std::vector<KeyEntry>> ParseKeyFile(std::string_view text,
                                                   const std::string& source);

// The same, from a file of at most 1 MiB that not everybody may write.
absl::StatusOr<std::vector<KeyEntry>> ReadKeyFile(const std::string& path);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_KEY_FILE_H_
