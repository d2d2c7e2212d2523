// How --help looks: CLI11's layout, with options as people write them ("--metric cosine|dot|l2",
// "--limit N=10"), positionals in capitals, and descriptions wrapped to 100 columns.

#ifndef KITH_CLIENT_CLI_HELP_FORMAT_H_
#define KITH_CLIENT_CLI_HELP_FORMAT_H_

#include <string>

#include "CLI/CLI.hpp"

namespace kith::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* app) const override;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_HELP_FORMAT_H_
