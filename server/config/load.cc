#include "server/config/load.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/config/option_table.h"

namespace kith::config {
namespace {

constexpr char kAbout[] =
    "kithd: a vector database that understands text.\n"
    "\n"
    "Without options it listens on 127.0.0.1:7600, keeps its data in ./kith-data and encodes text "
    "with the\n"
    "bundled model. Then:  kith ingest --create notes ~/notes  &&  kith search notes \"how do I "
    "...?\"\n"
    "\n"
    "Every option can also stand in a YAML file (--config), as `data-dir: /var/lib/kith`, or in "
    "the\n"
    "environment, as KITH_DATA_DIR. A flag beats the environment, which beats the file.";

constexpr char kFooter[] =
    "Exit codes: 0 stopped in order, 1 a failure while running, 2 wrong options, 3 the data folder "
    "cannot be used.\n"
    "Signals: SIGTERM or SIGINT stops in order; a second one stops at once. SIGHUP reads keys and\n"
    "certificates again.";

// What is printed instead of serving.
struct Switches {
  std::string config_file;
  bool check = false, print = false, version = false;
};

absl::Status Named(const std::string& where, const absl::Status& status) {
  return InvalidArgument(reason::kInvalidRequest, "{}: {}", where, std::string(status.message()));
}

absl::Status ApplyFile(const std::string& path, Config* config) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    return InvalidArgument(reason::kInvalidRequest, "the configuration file {} cannot be read",
                           Quoted(path));
  }
  return ApplyYaml(text, path, config);
}

// The flags that were given, by option; and the rest in `switches`. CLI11 reports by throwing; the
// caller catches.
using GivenFlags = std::vector<std::pair<const Option*, std::string>>;

void Declare(CLI::App* app, Switches* switches, std::vector<CLI::Option*>* flags) {
  app->set_help_flag("-h,--help", "Show this help")->group("Help");
  app->add_flag("--version", switches->version, "Show the version")->group("Help");
  app->add_option("--config", switches->config_file,
                  "Read options from a YAML file (or KITH_CONFIG)")
      ->type_name("FILE")
      ->group("Configuration");
  app->add_flag("--check-config", switches->check, "Check the configuration and leave")
      ->group("Configuration");
  app->add_flag("--print-config", switches->print,
                "Print the whole configuration as YAML, ready for --config, and leave")
      ->group("Configuration");

  const Config defaults;
  for (const Option& option : AllOptions()) {
    const std::string flag = "--" + option.name;
    if (option.is_switch()) {
      flags->push_back(app->add_flag(flag, option.help)->group(option.group));
      continue;
    }
    const std::string value = option.print(defaults);
    CLI::Option* added = app->add_option(flag, option.help);
    added->type_name(option.value)->expected(1)->group(option.group);
    if (!value.empty()) added->default_str(value);
    flags->push_back(added);
  }
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             const Environment& environment) {
  CLI::App app(kAbout, "kithd");
  app.footer(kFooter);
  app.get_formatter()->column_width(38);
  Switches switches;
  std::vector<CLI::Option*> flags;
  GivenFlags given;
  CommandLine line;
  try {
    Declare(&app, &switches, &flags);
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    for (size_t i = 0; i < flags.size(); ++i) {
      if (flags[i]->count() > 0) given.emplace_back(&AllOptions()[i], flags[i]->results().back());
    }
  } catch (const CLI::CallForHelp&) {
    line.action = CommandLine::Action::kShow;
    line.text = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(reason::kInvalidRequest, "{}. kithd --help lists the options",
                           error.what());
  }
  if (switches.version) {
    line.action = CommandLine::Action::kShow;
    line.text = "kithd " KITH_VERSION "\n";
    return line;
  }

  if (switches.config_file.empty()) {
    switches.config_file = environment("KITH_CONFIG").value_or("");
  }
  if (!switches.config_file.empty()) {
    KITH_RETURN_IF_ERROR(ApplyFile(switches.config_file, &line.config));
  }
  for (const Option& option : AllOptions()) {
    const std::string name = option.environment_name();
    const std::optional<std::string> value = environment(name);
    if (!value) continue;
    if (absl::Status status = option.parse(*value, &line.config); !status.ok()) {
      return Named(name, status);
    }
  }
  for (const auto& [option, value] : given) {
    if (absl::Status status = option->parse(value, &line.config); !status.ok()) {
      return Named("--" + option->name, status);
    }
  }
  KITH_RETURN_IF_ERROR(Validate(line.config));
  if (switches.check) line.action = CommandLine::Action::kCheckConfig;
  if (switches.print) line.action = CommandLine::Action::kPrintConfig;
  return line;
}

}  // namespace kith::config
