// What the shell learns from `kith`: one number a kind of outcome, listed in the help and in
// docs/cli.md. Published: never renumber.

#ifndef KITH_CLIENT_CLI_EXIT_CODE_H_
#define KITH_CLIENT_CLI_EXIT_CODE_H_

#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace kith::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,       // the server refused or failed, or part of the work was refused
  kExitUsage = 2,        // the command line or a file given to it is wrong
  kExitUnreachable = 3,  // no server answered
  kExitNotFound = 4,     // the collection, document, model or operation does not exist
  kExitConflict = 5,     // it exists already, or has changed (etag)
  kExitTimeout = 6,      // no answer before the deadline
};

// For the help.
inline constexpr char kExitCodeHelp[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  refused or failed, in part or in all\n"
    "  2  wrong usage: the command line, or a file given to it\n"
    "  3  the server is not reachable\n"
    "  4  not found: a collection, document, model or operation\n"
    "  5  exists already, or has changed (etag)\n"
    "  6  timed out\n";

ExitCode ExitCodeOf(const absl::Status& status);

// An error that a command finds itself, before or beside any server: a file that cannot be read, an
// option that does not fit another. Carries no reason, which tells it from a server's
// INVALID_ARGUMENT.
template <typename... Args>
absl::Status UsageError(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_EXIT_CODE_H_
