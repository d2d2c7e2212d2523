// Reading the configuration: defaults < YAML file < KITH_* environment < flags.
//
// Pure but for reading the YAML file: the environment is passed in.

#ifndef KITH_SERVER_CONFIG_LOAD_H_
#define KITH_SERVER_CONFIG_LOAD_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace kith::config {

// The value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// What the command line asks for.
struct CommandLine {
  enum class Action { kServe, kCheckConfig, kPrintConfig, kShow };
  Action action = Action::kServe;
  std::string text;  // to print, for kShow (help, version)
  Config config;
};

// `arguments` without the program's name. INVALID_ARGUMENT in a sentence that names the option and
// where it was set: the flag, the variable, or file and line.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             const Environment& environment);

// Overlays `config` with the YAML `text`; `source` names it in errors. Keys that no option has are
// errors.
absl::Status ApplyYaml(const std::string& text, const std::string& source, Config* config);

// YAML that reads back as `config`, each option under its help as a comment.
std::string PrintYaml(const Config& config);

}  // namespace kith::config

#endif  // KITH_SERVER_CONFIG_LOAD_H_
