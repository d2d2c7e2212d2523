// How a failure is told on stderr.

#ifndef KITH_CLIENT_CLI_FAILURE_H_
#define KITH_CLIENT_CLI_FAILURE_H_

#include <string>

#include "absl/status/status.h"

namespace kith::cli {

// For people, "kith: collection "a" does not exist [COLLECTION_NOT_FOUND]" and a hint where there
// is one; for programs, {"error": {"code", "reason", "message", "field", "metadata",
// "retry_after_s"}}. Ends in a newline.
std::string DescribeFailure(const absl::Status& status, bool json);

// The same for one line of a list: message and reason, without prefix and newline.
std::string BriefFailure(const absl::Status& status);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_FAILURE_H_
