#include "encoder/json_file.h"

#include <cmath>
#include <system_error>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr int kMaxDepth = 32;

}  // namespace

absl::StatusOr<JsonFile> JsonFile::Read(const std::filesystem::path& dir, std::string name) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / name));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  bool too_deep = false;
  const json::parser_callback_t watch_depth = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json root = json::parse(content, watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return InvalidModel("{}: JSON nested more than {} levels deep", name, kMaxDepth);
  if (root.is_discarded()) return InvalidModel("{}: not valid JSON", name);
  return JsonFile(std::move(name), std::move(root));
}

absl::StatusOr<JsonFile> JsonFile::ReadIfExists(const std::filesystem::path& dir,
                                                std::string name) {
  std::error_code ignored;
  if (!std::filesystem::exists(dir / name, ignored)) {
    return JsonFile(std::move(name), json::object());
  }
  KITH_ASSIGN_OR_RETURN(JsonFile file, Read(dir, std::move(name)));
  if (!file.root().is_object()) {
    return InvalidModel("{}: must be an object, it is {}", file.name(), file.root().type_name());
  }
  return file;
}

const json* JsonFile::Find(std::string_view key) const {
  if (!root_.is_object()) return nullptr;
  const auto it = root_.find(std::string(key));
  return it == root_.end() || it->is_null() ? nullptr : &*it;
}

absl::StatusOr<std::optional<int>> JsonFile::OptionalInt(std::string_view key, int min,
                                                         int max) const {
  const json* value = Find(key);
  if (value == nullptr) return std::optional<int>();
  if (!value->is_number_integer()) {
    return InvalidModel("{}: {} must be an integer, it is {}", name_, key, value->type_name());
  }
  // An unsigned value beyond int64 turns negative below, so ask for it first.
  const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
  const int64_t number = huge ? INT64_MAX : value->get<int64_t>();
  if (number < min || number > max) {
    return InvalidModel("{}: {} is {}, it must be {}..{}", name_, key, value->dump(), min, max);
  }
  return std::optional<int>(static_cast<int>(number));
}

absl::StatusOr<int> JsonFile::Int(std::string_view key, int min, int max) const {
  KITH_ASSIGN_OR_RETURN(const std::optional<int> value, OptionalInt(key, min, max));
  if (!value) return InvalidModel("{}: {} is missing", name_, key);
  return *value;
}

absl::StatusOr<std::optional<double>> JsonFile::OptionalNumber(std::string_view key) const {
  const json* value = Find(key);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number()) {
    return InvalidModel("{}: {} must be a number, it is {}", name_, key, value->type_name());
  }
  const double number = value->get<double>();
  if (!std::isfinite(number)) return InvalidModel("{}: {} is not finite", name_, key);
  return std::optional<double>(number);
}

absl::StatusOr<bool> JsonFile::Bool(std::string_view key, bool otherwise) const {
  const json* value = Find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) {
    return InvalidModel("{}: {} must be true or false, it is {}", name_, key, value->type_name());
  }
  return value->get<bool>();
}

absl::StatusOr<std::optional<std::string>> JsonFile::OptionalString(std::string_view key) const {
  const json* value = Find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) {
    return InvalidModel("{}: {} must be a string, it is {}", name_, key, value->type_name());
  }
  return std::optional<std::string>(value->get<std::string>());
}

}  // namespace kith::encoder
