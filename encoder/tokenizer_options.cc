#include "encoder/tokenizer_options.h"

#include <algorithm>
#include <optional>

#include "encoder/invalid_model.h"
#include "fmt/ranges.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

struct Named {
  std::string name;
  bool lstrip = false;
};

// What tokenizer_config.json says of a special token: a name, or an object that holds one.
absl::StatusOr<Named> NameOf(const JsonFile& options, const char* key, Named otherwise) {
  if (!options.root().is_object()) return otherwise;
  const auto it = options.root().find(key);
  if (it == options.root().end() || it->is_null()) return otherwise;
  const json* name = &*it;
  if (name->is_object() && name->contains("content")) {
    if (const auto lstrip = name->find("lstrip"); lstrip != name->end() && lstrip->is_boolean()) {
      otherwise.lstrip = lstrip->get<bool>();
    }
    name = &(*name)["content"];
  }
  if (!name->is_string()) {
    return InvalidModel("{}: {} must be a string, it is {}", options.name(), key,
                        name->type_name());
  }
  return Named{name->get<std::string>(), otherwise.lstrip};
}

}  // namespace

absl::Status ReadSpecialTokens(const JsonFile& options, std::string_view file,
                               const std::unordered_map<std::string_view, int32_t>& ids,
                               const SpecialNames& names, Vocabulary* vocabulary) {
  struct Special {
    const char* key;
    Named otherwise;
    int32_t* required;  // the first three must be there: nothing can be encoded without them
    std::optional<int32_t>* optional;
  };
  SpecialTokens& special = vocabulary->special;
  const Special kSpecials[] = {
      {"unk_token", {names.unk}, &special.unk, nullptr},
      {"cls_token", {names.cls}, &special.cls, nullptr},
      {"sep_token", {names.sep}, &special.sep, nullptr},
      {"pad_token", {names.pad}, nullptr, &special.pad},
      {"mask_token", {names.mask, names.mask_takes_space}, nullptr, &special.mask}};
  for (const Special& row : kSpecials) {
    KITH_ASSIGN_OR_RETURN(const Named named, NameOf(options, row.key, row.otherwise));
    const auto it = ids.find(named.name);
    if (it == ids.end()) {
      if (row.required == nullptr) continue;
      return InvalidModel("{}: the {} {} is not in it", file, row.key, Quoted(named.name));
    }
    (row.required != nullptr ? *row.required : row.optional->emplace()) = it->second;
    std::vector<AddedToken>& added = vocabulary->added_tokens;
    const bool repeated = std::any_of(added.begin(), added.end(), [&](const AddedToken& other) {
      return other.id == it->second;
    });
    if (repeated) continue;
    AddedToken& token = added.emplace_back();
    token.id = it->second;
    token.content = named.name;
    token.lstrip = named.lstrip;
  }
  return absl::OkStatus();
}

absl::Status CheckTokenizerClass(const JsonFile& options, std::string_view file,
                                 std::span<const std::string_view> classes) {
  if (!options.root().is_object()) {
    return InvalidModel("{}: must be an object, it is {}", options.name(),
                        options.root().type_name());
  }
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> name,
                        options.OptionalString("tokenizer_class"));
  if (!name || std::find(classes.begin(), classes.end(), *name) != classes.end()) {
    return absl::OkStatus();
  }
  return InvalidModel("{}: tokenizer_class is {}; supported with {} are {}", options.name(),
                      Quoted(*name), file, fmt::join(classes, ", "));
}

}  // namespace kith::encoder
