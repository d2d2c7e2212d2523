// The API's messages as JSON for programs: one object, fields under their names in proto/kith/v1.
//
// Unlike protobuf's own JSON: 64-bit numbers are numbers, enums are lower-case words ("cosine"), a
// Vector is an array of numbers, a metadata Value is its plain JSON value, times are RFC 3339 in
// UTC, durations seconds. Fields without a value of their own (0, "", []) are printed, messages
// that are absent are not.

#ifndef KITH_CLIENT_CLI_JSON_H_
#define KITH_CLIENT_CLI_JSON_H_

#include <span>
#include <string>

#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "nlohmann/json.hpp"

namespace kith::cli {

// Keeps the order of the fields.
using Json = nlohmann::ordered_json;

Json ToJson(const google::protobuf::Message& message);

// One line without the newline; bytes that are not UTF-8 become U+FFFD.
std::string Dump(const Json& json);

// "[0.1,-2]": each float in the fewest digits that read back as the same float. As fast as printing
// is.
std::string FloatsToJson(std::span<const float> values);

// The lower-case word of an enum value: METRIC_COSINE -> "cosine"; the number if the value is
// unknown.
std::string EnumWord(const google::protobuf::EnumDescriptor* type, int number);
template <typename Enum>
std::string WordOf(Enum value) {
  return EnumWord(google::protobuf::GetEnumDescriptor<Enum>(), value);
}

// RFC 3339 in UTC; "" for a time outside of the years 1 to 9999.
std::string TimeToString(const google::protobuf::Timestamp& time);
// The same for people: to the second.
std::string HumanTime(google::protobuf::Timestamp time);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_JSON_H_
