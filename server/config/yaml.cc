#include "yaml-cpp/yaml.h"

#include <set>
#include <string>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/config/load.h"
#include "server/config/option_table.h"

namespace kith::config {
namespace {

absl::Status At(const std::string& source, const YAML::Mark& mark, const std::string& message) {
  return InvalidArgument(reason::kInvalidRequest, "{}:{}: {}", source, mark.line + 1, message);
}

absl::Status ApplyNode(const YAML::Node& root, const std::string& source, Config* config) {
  if (!root.IsDefined() || root.IsNull()) return absl::OkStatus();  // an empty file
  if (!root.IsMap()) return At(source, root.Mark(), "expected lines of `option: value`");
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const YAML::Mark mark = entry.first.Mark();
    if (!entry.first.IsScalar()) return At(source, mark, "expected the name of an option");
    const std::string& name = entry.first.Scalar();
    const Option* option = FindOption(name);
    if (option == nullptr) {
      return At(source, mark,
                fmt::format("there is no option {}; kithd --help lists them", Quoted(name)));
    }
    if (!seen.insert(name).second) return At(source, mark, fmt::format("{} is set twice", name));
    if (!entry.second.IsScalar()) {
      return At(source, mark, fmt::format("{} needs one plain value", name));
    }
    if (absl::Status status = option->parse(entry.second.Scalar(), config); !status.ok()) {
      return At(source, mark, fmt::format("{}: {}", name, std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyYaml(const std::string& text, const std::string& source, Config* config) {
  try {
    return ApplyNode(YAML::Load(text), source, config);
  } catch (const YAML::Exception& error) {  // yaml-cpp reports by throwing
    return At(source, error.mark, error.msg);
  }
}

std::string PrintYaml(const Config& config) {
  std::string out;
  std::string group;
  for (const Option& option : AllOptions()) {
    if (option.group != group) {
      group = option.group;
      out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", group);
    }
    YAML::Emitter value;
    value << YAML::DoubleQuoted << option.print(config);
    out += fmt::format("\n# {}\n{}: {}\n", option.help, option.name, value.c_str());
  }
  return out;
}

}  // namespace kith::config
