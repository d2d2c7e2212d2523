// Waiting for an operation, and showing one: shared by `kith operations` and the commands that
// begin one.

#ifndef KITH_CLIENT_CLI_OPERATION_WAIT_H_
#define KITH_CLIENT_CLI_OPERATION_WAIT_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/context.h"
#include "kith/v1/operation.pb.h"

namespace kith::cli {

// "1,234 of 5,678", or "1,234" while the total is unknown.
std::string ProgressOf(const v1::Operation& operation);

void PrintOperation(Context& context, const v1::Operation& operation);

// Waits until the operation has ended and prints it. An error if it ended otherwise than well;
// DEADLINE_EXCEEDED after --timeout.
absl::Status WaitForOperation(Context& context, client::Client& client, const std::string& id);

// After a command began it: waits as above, or with `no_wait` shows it as it is.
absl::Status FollowOperation(Context& context, client::Client& client,
                             const v1::Operation& operation, bool no_wait);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_OPERATION_WAIT_H_
