#include "client/cli/metadata.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

template <typename Number>
bool ParseWhole(std::string_view text, Number& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size();
}

v1::Value InferValue(std::string_view text) {
  v1::Value value;
  int64_t integer;
  double real;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const bool zeros = digits.size() > 1 && digits[0] == '0' && digits[1] != '.';
  if (text == "true" || text == "false") {
    value.set_bool_value(text == "true");
  } else if (!zeros && ParseWhole(text, integer)) {
    value.set_int_value(integer);
  } else if (!zeros && !digits.empty() && digits[0] >= '0' && digits[0] <= '9' &&
             ParseWhole(text, real) && std::isfinite(real)) {
    value.set_double_value(real);
  } else {
    value.set_string_value(std::string(text));
  }
  return value;
}

absl::StatusOr<v1::Value> TimestampValue(const std::string& text) {
  absl::Time time;
  std::string error;
  // ParseTime also knows "infinite-future", which is no time of the API.
  if (!text.empty() && text[0] >= '0' && text[0] <= '9' &&
      absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    const int64_t seconds = absl::ToUnixSeconds(time);
    v1::Value value;
    value.mutable_timestamp_value()->set_seconds(seconds);
    value.mutable_timestamp_value()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
    return value;
  }
  return UsageError("{} is not a time as 2024-05-01T12:00:00Z", Quoted(text));
}

}  // namespace

absl::StatusOr<std::pair<std::string, v1::Value>> ParseMetadataPair(std::string_view pair) {
  const size_t equals = pair.find('=');
  const bool typed = equals != std::string_view::npos && equals > 0 && pair[equals - 1] == ':';
  const std::string key(pair.substr(0, equals - (typed ? 1 : 0)));
  if (equals == std::string_view::npos || key.empty()) {
    return UsageError("metadata {} is neither key=value nor key:=JSON", Quoted(pair));
  }
  const std::string_view text = pair.substr(equals + 1);
  if (!typed) return std::pair(key, InferValue(text));

  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return UsageError("metadata \"{}\": {} is not JSON (strings need their quotes)", key,
                      Quoted(text));
  }
  auto value = JsonToValue(json);
  if (!value.ok()) {
    return UsageError("metadata \"{}\": {}", key, std::string(value.status().message()));
  }
  return std::pair(key, *std::move(value));
}

absl::StatusOr<v1::Value> JsonToValue(const Json& json) {
  v1::Value value;
  switch (json.type()) {
    case Json::value_t::string:
      value.set_string_value(json.get_ref<const std::string&>());
      return value;
    case Json::value_t::boolean:
      value.set_bool_value(json.get<bool>());
      return value;
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
        return UsageError("{} is beyond the integers that metadata holds (64 bits, signed)",
                          json.get<uint64_t>());
      }
      [[fallthrough]];
    case Json::value_t::number_integer:
      value.set_int_value(json.get<int64_t>());
      return value;
    case Json::value_t::number_float:
      value.set_double_value(json.get<double>());
      return value;
    case Json::value_t::array:
      value.mutable_string_list();
      for (const Json& item : json) {
        if (!item.is_string()) return UsageError("a list in metadata holds strings only");
        value.mutable_string_list()->add_values(item.get_ref<const std::string&>());
      }
      return value;
    case Json::value_t::object:
      if (json.size() == 1 && json.contains("timestamp") && json["timestamp"].is_string()) {
        return TimestampValue(json["timestamp"].get_ref<const std::string&>());
      }
      return UsageError("metadata is flat: an object can only be {{\"timestamp\": \"...\"}}");
    default:
      return UsageError("{} is no metadata value", json.type_name());
  }
}

absl::Status AddMetadata(const Json& object, Metadata& metadata) {
  for (const auto& [key, json] : object.items()) {
    if (json.is_null()) continue;
    auto value = JsonToValue(json);
    if (!value.ok()) {
      return UsageError("metadata {}: {}", Quoted(key), std::string(value.status().message()));
    }
    if (!metadata.insert({key, *std::move(value)}).second) {
      return UsageError("metadata {} is there twice", Quoted(key));
    }
  }
  return absl::OkStatus();
}

}  // namespace kith::cli
