// kith: the command-line client. It reads the command line, runs the one command that was named,
// and turns its status into a line on stderr and an exit code.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/help_format.h"
#include "fmt/format.h"
#include "kith/base/error.h"

namespace kith::cli {
namespace {

constexpr char kFirstSteps[] =
    "First steps:\n"
    "  kith collections create articles\n"
    "  kith ingest articles docs/\n"
    "  kith search articles \"How does attention work?\"\n"
    "\n"
    "Every command explains itself with --help.\n"
    "\n";

// The command that was named as far as it is known, and the word after it that is none: "kith
// bogus".
std::string UnknownCommand(const CLI::App& app) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  const std::vector<std::string> rest = command->remaining();
  if (rest.empty() || command->get_subcommands({}).empty()) return "";
  return fmt::format("kith: there is no command {}; `{} --help` lists them\n", Quoted(rest[0]),
                     name);
}

int Run(int argc, char** argv) {
  Context context;
  CLI::App app("kith: documents in, answers out. The command-line client of the Kith server.",
               "kith");
  app.formatter(std::make_shared<HelpFormatter>());  // inherited by the commands added below
  app.set_version_flag("--version", "kith " KITH_VERSION);
  app.footer(std::string(kFirstSteps) + kExitCodeHelp);
  app.require_subcommand(1);
  AddSharedOptions(app, context);
  AddCollectionsCommands(app, context);
  AddIngestCommand(app, context);
  AddDocumentsCommands(app, context);
  AddSearchCommand(app, context);
  AddFacetsCommand(app, context);
  AddEncodeCommand(app, context);
  AddRerankCommand(app, context);
  AddTokenizeCommand(app, context);
  AddSplitCommand(app, context);
  AddEvalCommand(app, context);
  AddBenchCommand(app, context);
  AddIndexCommands(app, context);
  AddMeasureRecallCommand(app, context);
  AddOperationsCommands(app, context);
  AddModelsCommands(app, context);
  AddServerCommands(app, context);
  AddKeysCommands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (const std::string unknown = UnknownCommand(app); !unknown.empty()) {
      std::fputs(unknown.c_str(), stderr);
      return kExitUsage;
    }
    // --help and --version come this way too, with code 0.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  const absl::Status status = context.run();
  const absl::Status written = context.out.Flush();
  const absl::Status& failure = status.ok() ? written : status;
  if (!failure.ok()) {
    const std::string text = DescribeFailure(failure, context.json);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return ExitCodeOf(failure);
}

}  // namespace
}  // namespace kith::cli

int main(int argc, char** argv) {
  // Debian's Abseil looks for deadlocks at every lock, gRPC's and ours: `kith bench` would measure
  // it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return kith::cli::Run(argc, argv);
}
