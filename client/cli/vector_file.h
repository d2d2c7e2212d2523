// A vector as people write it: a JSON list of numbers in a file.

#ifndef KITH_CLIENT_CLI_VECTOR_FILE_H_
#define KITH_CLIENT_CLI_VECTOR_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/json.h"
#include "kith/v1/common.pb.h"

namespace kith::cli {

// A list of numbers; the server checks how many.
absl::StatusOr<v1::Vector> VectorOfJson(const Json& json);

// The file holds the list, or a line of `kith encode --json` ({"embedding": [...]}).
absl::StatusOr<v1::Vector> ReadVector(const std::string& path);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_VECTOR_FILE_H_
