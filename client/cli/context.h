// Context: what every command of `kith` is given: the options that all share, the way to the
// server, and where results go. A command's parse callback sets `run`; main() calls it when the
// whole command line has been understood.
//
// Not thread-safe; main() owns it.

#ifndef KITH_CLIENT_CLI_CONTEXT_H_
#define KITH_CLIENT_CLI_CONTEXT_H_

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "client/cpp/client.h"

namespace kith::cli {

struct Context {
  Context();

  // The client of --server, --timeout and the credentials. The server is reached by the first call.
  absl::StatusOr<std::unique_ptr<client::Client>> Connect() const;

  std::string server;          // $KITH_SERVER, or 127.0.0.1:7600
  double timeout_seconds = 0;  // 0: the library's, by kind of call
  client::Credentials credentials;
  std::string api_key_file;  // holds the key that calls bring; empty: $KITH_KEY
  bool json = false;
  Output out{stdout};
  std::function<absl::Status()> run;
};

// A command that runs: adds the shared options, so that its --help shows them, and the examples
// below. `run` is called after parsing.
CLI::App* AddCommand(CLI::App& parent, Context& context, const std::string& name,
                     const std::string& description, const std::string& examples,
                     std::function<absl::Status()> run);

// A group of commands, one of which must be named.
CLI::App* AddGroup(CLI::App& parent, const std::string& name, const std::string& description);

// --server, --timeout, --json, and those of keys and TLS.
void AddSharedOptions(CLI::App& app, Context& context);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_CONTEXT_H_
