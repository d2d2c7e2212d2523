// Metadata as people write it: "year=2024" on a command line, JSON in a file.

#ifndef KITH_CLIENT_CLI_METADATA_H_
#define KITH_CLIENT_CLI_METADATA_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/json.h"
#include "google/protobuf/map.h"
#include "kith/v1/common.pb.h"

namespace kith::cli {

using Metadata = google::protobuf::Map<std::string, v1::Value>;

// "key=value": true and false are booleans, 42 is an integer, 4.2 and 1e3 are doubles, the rest is
// a string (also 007, which would lose its zeros). "key:=JSON" says the type: zip:="01234",
// tags:=["a","b"], when:={"timestamp":"2024-05-01T12:00:00Z"}.
absl::StatusOr<std::pair<std::string, v1::Value>> ParseMetadataPair(std::string_view pair);

// A string, integer, finite number, boolean, list of strings, or {"timestamp": RFC 3339}.
absl::StatusOr<v1::Value> JsonToValue(const Json& json);

// Adds the members of an object; those that are null are left out. A key that is there already is
// an error.
absl::Status AddMetadata(const Json& object, Metadata& metadata);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_METADATA_H_
