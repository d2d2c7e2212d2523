#include "client/cli/json.h"

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/vector.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "kith/v1/common.pb.h"

namespace kith::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A float as the double with the fewest digits that reads back as it: 0.1f prints as 0.1.
double ShortDouble(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

Json ValueToJson(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kStringValue:
      return value.string_value();
    case v1::Value::kStringList:
      return Json(std::vector<std::string>(value.string_list().values().begin(),
                                           value.string_list().values().end()));
    case v1::Value::kIntValue:
      return value.int_value();
    case v1::Value::kDoubleValue:
      return value.double_value();
    case v1::Value::kBoolValue:
      return value.bool_value();
    case v1::Value::kTimestampValue:
      return {{"timestamp", TimeToString(value.timestamp_value())}};
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return nullptr;
}

Json VectorToJson(const v1::Vector& vector) {
  const auto values = client::UnpackVector(vector);
  if (!values.ok()) return nullptr;
  Json array = Json::array();
  for (const float value : *values) array.push_back(ShortDouble(value));
  return array;
}

Json MessageToJson(const Message& message) {
  if (const auto* value = dynamic_cast<const v1::Value*>(&message)) return ValueToJson(*value);
  if (const auto* vector = dynamic_cast<const v1::Vector*>(&message)) return VectorToJson(*vector);
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return TimeToString(*time);
  }
  if (const auto* duration = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    return static_cast<double>(duration->seconds()) + 1e-9 * duration->nanos();
  }
  return ToJson(message);
}

// A value of a field: the index-th of a repeated one, or the only one (index -1).
Json FieldToJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& read = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? read.GetRepeatedInt32(message, field, index)
                      : read.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? read.GetRepeatedInt64(message, field, index)
                      : read.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? read.GetRepeatedUInt32(message, field, index)
                      : read.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t number =
          repeated ? read.GetRepeatedUInt64(message, field, index) : read.GetUInt64(message, field);
      // The API's fixed64 fields are hashes: as digits, since many JSON readers round large
      // numbers.
      if (field->type() == FieldDescriptor::TYPE_FIXED64) return fmt::format("{:016x}", number);
      return number;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? read.GetRepeatedDouble(message, field, index)
                      : read.GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ShortDouble(repeated ? read.GetRepeatedFloat(message, field, index)
                                  : read.GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? read.GetRepeatedBool(message, field, index) : read.GetBool(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWord(field->enum_type(), repeated
                                              ? read.GetRepeatedEnumValue(message, field, index)
                                              : read.GetEnumValue(message, field));
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? read.GetRepeatedString(message, field, index)
                      : read.GetString(message, field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageToJson(repeated ? read.GetRepeatedMessage(message, field, index)
                                    : read.GetMessage(message, field));
  }
  return nullptr;
}

Json MapToJson(const Message& message, const FieldDescriptor* field) {
  const Reflection& read = *message.GetReflection();
  std::map<std::string, Json> entries;  // sorted: protobuf's order changes from run to run
  for (int i = 0; i < read.FieldSize(message, field); ++i) {
    const Message& entry = read.GetRepeatedMessage(message, field, i);
    const auto* type = entry.GetDescriptor();
    const Json key = FieldToJson(entry, type->map_key(), -1);
    entries[key.is_string() ? key.get<std::string>() : key.dump()] =
        FieldToJson(entry, type->map_value(), -1);
  }
  Json object = Json::object();
  for (auto& [key, value] : entries) object[key] = std::move(value);
  return object;
}

}  // namespace

Json ToJson(const Message& message) {
  const Reflection& read = *message.GetReflection();
  const auto* type = message.GetDescriptor();
  Json object = Json::object();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->is_map()) {
      object[field->name()] = MapToJson(message, field);
    } else if (field->is_repeated()) {
      Json array = Json::array();
      for (int j = 0; j < read.FieldSize(message, field); ++j) {
        array.push_back(FieldToJson(message, field, j));
      }
      object[field->name()] = std::move(array);
    } else if (!field->has_presence() || read.HasField(message, field)) {
      object[field->name()] = FieldToJson(message, field, -1);
    }
  }
  return object;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string FloatsToJson(std::span<const float> values) {
  std::string out = "[";
  for (const float value : values) {
    if (out.size() > 1) out += ',';
    // JSON has no word for a value that is not finite.
    out += std::isfinite(value) ? fmt::format("{}", value) : "null";
  }
  return out + "]";
}

std::string EnumWord(const google::protobuf::EnumDescriptor* type, int number) {
  const auto* value = type->FindValueByNumber(number);
  if (value == nullptr) return fmt::format("{}", number);
  // CollectionState -> "COLLECTION_STATE_", which every value of it begins with.
  std::string prefix;
  for (const char c : type->name()) {
    if (std::isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  prefix += '_';
  std::string word = value->name();
  if (word.starts_with(prefix)) word.erase(0, prefix.size());
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

std::string TimeToString(const google::protobuf::Timestamp& time) {
  constexpr int64_t kYear1 = -62135596800;
  constexpr int64_t kYear10000 = 253402300800;
  if (time.seconds() < kYear1 || time.seconds() >= kYear10000 || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return "";
  }
  const absl::Time moment = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", moment, absl::UTCTimeZone());
}

std::string HumanTime(google::protobuf::Timestamp time) {
  time.set_nanos(0);
  return TimeToString(time);
}

}  // namespace kith::cli
