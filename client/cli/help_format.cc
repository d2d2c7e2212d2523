#include "client/cli/help_format.h"

#include <algorithm>
#include <vector>

#include "client/cli/text_layout.h"
#include "fmt/format.h"

namespace kith::cli {
namespace {

constexpr size_t kLeft = 34;
constexpr size_t kColumns = 100;

// What stands for the value: the type's name without the checks that CLI11 appends after a colon,
// or the words that are allowed: "TEXT:{a,b}" -> "a|b".
std::string ValueName(const CLI::Option& option) {
  if (option.get_type_size() == 0) return "";
  const std::string type = option.get_type_name();
  const size_t open = type.find(":{");
  if (open == std::string::npos) return type.substr(0, type.find(':'));
  std::string words = type.substr(open + 2, type.find('}') - open - 2);
  std::replace(words.begin(), words.end(), ',', '|');
  return words;
}

// "  left   right", the right side wrapped; below the left side where that is too long.
std::string Entry(const std::string& left, const std::string& right) {
  std::string out = "  " + left;
  if (out.size() + 2 > kLeft) out += "\n" + std::string(kLeft, ' ');
  if (out.size() < kLeft) out.resize(kLeft, ' ');
  const char* separator = "";
  for (const std::string& line : Wrap(right, kColumns - kLeft, 100)) {
    out += separator + line;
    separator = "\n                                  ";  // kLeft spaces
  }
  return out + "\n";
}

}  // namespace

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return Entry(ValueName(*option), option->get_description());
  std::string left = option->get_name(false, true);
  std::replace(left.begin(), left.end(), ',', ' ');
  if (const std::string value = ValueName(*option); !value.empty()) left += " " + value;
  std::string right = option->get_description();
  if (!option->get_default_str().empty()) {
    right += fmt::format(" (default: {})", option->get_default_str());
  }
  return Entry(left, right);
}

std::string HelpFormatter::make_option_usage(const CLI::Option* option) const {
  std::string usage = ValueName(*option);
  if (option->get_expected_max() > 1) usage += "...";
  return option->get_required() ? usage : "[" + usage + "]";
}

std::string HelpFormatter::make_subcommand(const CLI::App* app) const {
  return Entry(app->get_name(), app->get_description());
}

}  // namespace kith::cli
