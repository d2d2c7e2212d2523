#include "client/cli/exit_code.h"

#include "client/cpp/wire_status.h"
#include "kith/base/error.h"

namespace kith::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return DetailsOf(status).reason.empty() ? kExitUsage : kExitFailed;
    case absl::StatusCode::kUnavailable:
      return client::IsUnreachable(status) ? kExitUnreachable : kExitFailed;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    default:
      return kExitFailed;
  }
}

}  // namespace kith::cli
