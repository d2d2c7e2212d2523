#include "encoder/json_section.h"

#include "encoder/invalid_model.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {

using nlohmann::json;

absl::StatusOr<JsonSection> JsonSection::Of(std::string_view file, const json& value,
                                            std::string path) {
  if (!value.is_object()) {
    return InvalidModel("{}: {} is {}, it must be an object", file,
                        path.empty() ? "the whole" : path, value.type_name());
  }
  return JsonSection(file, value, std::move(path));
}

absl::StatusOr<JsonSection> JsonSection::Object(const char* key) const {
  return Of(file_, Get(key), PathOf(key));
}

const json& JsonSection::Get(const char* key) const {
  static const json null;
  const auto it = value_->find(key);
  return it == value_->end() ? null : *it;
}

absl::StatusOr<std::optional<bool>> JsonSection::OptionalBool(const char* key) const {
  const json& value = Get(key);
  if (value.is_null()) return std::optional<bool>();
  if (!value.is_boolean()) return WrongType(key, "true or false");
  return std::optional<bool>(value.get<bool>());
}

absl::StatusOr<bool> JsonSection::Bool(const char* key, bool otherwise) const {
  KITH_ASSIGN_OR_RETURN(const std::optional<bool> value, OptionalBool(key));
  return value.value_or(otherwise);
}

absl::StatusOr<std::string> JsonSection::String(const char* key) const {
  const json& value = Get(key);
  if (!value.is_string()) return WrongType(key, "a string");
  return value.get<std::string>();
}

absl::StatusOr<int32_t> JsonSection::Integer(const char* key, int32_t max) const {
  return JsonInteger(file_, Get(key), PathOf(key), max);
}

absl::StatusOr<std::string> JsonSection::TypeOf(const char* key) const {
  if (!Get(key).is_object()) return std::string(Get(key).type_name());
  KITH_ASSIGN_OR_RETURN(const JsonSection section, Object(key));
  return section.String("type");
}

absl::Status JsonSection::RequireType(const char* key, std::string_view wanted) const {
  KITH_ASSIGN_OR_RETURN(const std::string found, TypeOf(key));
  if (found == wanted) return absl::OkStatus();
  return InvalidModel("{}: the type of {} is {}; supported is {}", file_, PathOf(key),
                      Quoted(found), wanted);
}

std::string JsonSection::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

absl::Status JsonSection::WrongType(const char* key, std::string_view wanted) const {
  const json& value = Get(key);
  return InvalidModel("{}: {} is {}, it must be {}", file_, PathOf(key),
                      value.is_null() ? "missing" : value.type_name(), wanted);
}

absl::StatusOr<int32_t> JsonInteger(std::string_view file, const json& value, std::string_view path,
                                    int32_t max) {
  if (value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(max)) {
    return value.get<int32_t>();
  }
  return InvalidModel("{}: {} is {}, it must be an integer from 0 to {}", file, path,
                      value.is_number() ? value.dump() : value.type_name(), max);
}

}  // namespace kith::encoder
