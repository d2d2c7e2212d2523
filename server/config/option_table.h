// The one list of options. An option has one name: `grpc-address` is --grpc-address on the command
// line, KITH_GRPC_ADDRESS in the environment and grpc-address in the YAML file.

#ifndef KITH_SERVER_CONFIG_OPTION_TABLE_H_
#define KITH_SERVER_CONFIG_OPTION_TABLE_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/config/config.h"

namespace kith::config {

struct Option {
  std::string name;
  std::string value;  // placeholder in the help, as "SIZE"; empty: a switch, true or false
  std::string group;  // heading in the help
  std::string help;
  // Reads a value; the error does not name the option.
  std::function<absl::Status(const std::string& text, Config* config)> parse;
  // What `parse` would read as the present value.
  std::function<std::string(const Config& config)> print;

  bool is_switch() const { return value.empty(); }
  std::string environment_name() const;
};

std::span<const Option> AllOptions();
const Option* FindOption(std::string_view name);

}  // namespace kith::config

#endif  // KITH_SERVER_CONFIG_OPTION_TABLE_H_
