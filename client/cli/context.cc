#include "client/cli/context.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

// The key that calls bring: the first line of `file`, else $KITH_KEY.
absl::StatusOr<std::string> ReadKey(const std::string& file) {
  if (file.empty()) {
    const char* from_environment = std::getenv("KITH_KEY");
    return std::string(from_environment != nullptr ? from_environment : "");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string key;
  if (!std::getline(stream, key)) {
    return UsageError("--key-file {}: it cannot be read, or is empty", Quoted(file));
  }
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  return key;
}

}  // namespace

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
  options.credentials = credentials;
  KITH_ASSIGN_OR_RETURN(options.credentials.key, ReadKey(api_key_file));
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
  app.add_option("--key-file", context.api_key_file,
                 "File with the key that the server asks for (else $KITH_KEY)")
      ->type_name("FILE")
      ->group("Keys and TLS");
  app.add_flag("--tls", context.credentials.tls,
               "Encrypt; the server's certificate must be of an authority that this system trusts")
      ->group("Keys and TLS");
  app.add_option("--tls-ca", context.credentials.ca_file,
                 "Encrypt; authorities of the server's certificate, PEM")
      ->type_name("FILE")
      ->group("Keys and TLS");
  app.add_option("--tls-cert", context.credentials.cert_file,
                 "Certificate of this client, PEM, for a server that asks for one")
      ->type_name("FILE")
      ->group("Keys and TLS");
  app.add_option("--tls-key", context.credentials.key_file, "Private key of that certificate, PEM")
      ->type_name("FILE")
      ->group("Keys and TLS");
  app.add_flag("--key-in-clear", context.credentials.key_in_clear,
               "Send the key without TLS to another machine: everybody on the way can read it")
      ->group("Keys and TLS");
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
