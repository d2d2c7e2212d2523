// Metadata values and times on the wire.

#include <cmath>
#include <string>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, as protobuf bounds its Timestamp.
constexpr int64_t kFirstSecond = -62'135'596'800, kLastSecond = 253'402'300'799;
constexpr int64_t kMicros = 1'000'000;

absl::StatusOr<engine::MetadataValue> ReadValue(v1::Value* in) {
  switch (in->kind_case()) {
    case v1::Value::kStringValue:
      return engine::MetadataValue(std::move(*in->mutable_string_value()));
    case v1::Value::kStringList: {
      auto* values = in->mutable_string_list()->mutable_values();
      return engine::MetadataValue(std::vector<std::string>(
          std::make_move_iterator(values->begin()), std::make_move_iterator(values->end())));
    }
    case v1::Value::kIntValue:
      return engine::MetadataValue(int64_t{in->int_value()});
    case v1::Value::kDoubleValue:
      if (!std::isfinite(in->double_value())) {
        return InvalidArgument(reason::kInvalidMetadata, "{} is not a finite number",
                               in->double_value());
      }
      return engine::MetadataValue(in->double_value());
    case v1::Value::kBoolValue:
      return engine::MetadataValue(in->bool_value());
    case v1::Value::kTimestampValue: {
      KITH_ASSIGN_OR_RETURN(const engine::Timestamp time, ReadTimestamp(in->timestamp_value()));
      return engine::MetadataValue(time);
    }
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return InvalidArgument(reason::kInvalidMetadata,
                         "the value is not set, or of a kind that this "
                         "server does not know");
}

void WriteValue(engine::MetadataValue&& value, v1::Value* out) {
  if (auto* text = std::get_if<std::string>(&value)) {
    out->set_string_value(std::move(*text));
  } else if (auto* list = std::get_if<std::vector<std::string>>(&value)) {
    v1::StringList* strings = out->mutable_string_list();
    for (std::string& item : *list) strings->add_values(std::move(item));
  } else if (const auto* whole = std::get_if<int64_t>(&value)) {
    out->set_int_value(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out->set_double_value(*real);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out->set_bool_value(*flag);
  } else {
    WriteTimestamp(std::get<engine::Timestamp>(value), out->mutable_timestamp_value());
  }
}

}  // namespace

absl::StatusOr<engine::Timestamp> ReadTimestamp(const google::protobuf::Timestamp& in) {
  if (in.seconds() < kFirstSecond || in.seconds() > kLastSecond || in.nanos() < 0 ||
      in.nanos() > 999'999'999) {
    return InvalidArgument(reason::kInvalidMetadata,
                           "{} seconds and {} nanoseconds are no time of the years 0001 to 9999",
                           in.seconds(), in.nanos());
  }
  return engine::Timestamp{in.seconds() * kMicros + in.nanos() / 1000};
}

void WriteTimestamp(engine::Timestamp time, google::protobuf::Timestamp* out) {
  int64_t seconds = time.micros / kMicros, micros = time.micros % kMicros;
  if (micros < 0) {
    micros += kMicros;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(micros * 1000));
}

absl::StatusOr<engine::Metadata> ReadMetadata(MetadataMap* in, std::string_view field) {
  engine::Metadata out;
  for (auto& [key, value] : *in) {
    absl::StatusOr<engine::MetadataValue> read = ReadValue(&value);
    if (!read.ok())
      return InField(std::move(read).status(), fmt::format("{}[{}]", field, Quoted(key)));
    out.emplace(key, *std::move(read));
  }
  return out;
}

void WriteMetadata(engine::Metadata&& metadata, MetadataMap* out) {
  for (auto& [key, value] : metadata) WriteValue(std::move(value), &(*out)[key]);
}

}  // namespace kith::rpc
