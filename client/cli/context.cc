#include "client/cli/context.h"

#include <cstdlib>
#include <utility>

#include "absl/time/time.h"

namespace kith::cli {

Context::Context() {
  const char* from_environment = std::getenv("KITH_SERVER");
  server = from_environment != nullptr && *from_environment != '\0' ? from_environment
                                                                    : "127.0.0.1:7600";
}

absl::StatusOr<std::unique_ptr<client::Client>> Context::Connect() const {
  client::ClientOptions options;
  if (timeout_seconds > 0) {
    const absl::Duration timeout = absl::Seconds(timeout_seconds);
    options.deadlines = {timeout, timeout, timeout, timeout, timeout};
  }
  return client::Client::Connect(server, std::move(options));
}

void AddSharedOptions(CLI::App& app, Context& context) {
  app.add_option("--server", context.server,
                 "HOST:PORT where kithd listens (else $KITH_SERVER, else 127.0.0.1:7600)")
      ->type_name("ADDRESS")
      ->group("Connection and output");
  app.add_option("--timeout", context.timeout_seconds,
                 "Longest time for each call (default: by kind of call, 10 to 120 s)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86400.0))
      ->group("Connection and output");
  app.add_flag("--json", context.json, "Print JSON, one object a line")
      ->group("Connection and output");
}

CLI::App* AddCommand(CLI::App& parent, Context& context, const std::string& name,
                     const std::string& description, const std::string& examples,
                     std::function<absl::Status()> run) {
  CLI::App* app = parent.add_subcommand(name, description);
  AddSharedOptions(*app, context);
  app->footer("Examples:\n" + examples);
  app->callback([&context, run = std::move(run)] { context.run = run; });
  return app;
}

CLI::App* AddGroup(CLI::App& parent, const std::string& name, const std::string& description) {
  CLI::App* app = parent.add_subcommand(name, description);
  app->require_subcommand(1);
  return app;
}

}  // namespace kith::cli
