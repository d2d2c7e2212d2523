#include "server/rpc/translate_filter.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

using index::CompareOp;
using index::Filter;
using index::ScalarValue;

absl::StatusOr<ScalarValue> ReadScalar(const v1::Value& in) {
  switch (in.kind_case()) {
    case v1::Value::kStringValue:
      return ScalarValue(in.string_value());
    case v1::Value::kIntValue:
      return ScalarValue(int64_t{in.int_value()});
    case v1::Value::kDoubleValue:
      if (std::isfinite(in.double_value())) return ScalarValue(in.double_value());
      return InvalidArgument(reason::kInvalidRequest, "{} is not a finite number",
                             in.double_value());
    case v1::Value::kBoolValue:
      return ScalarValue(in.bool_value());
    case v1::Value::kTimestampValue: {
      KITH_ASSIGN_OR_RETURN(const engine::Timestamp time, ReadTimestamp(in.timestamp_value()));
      return ScalarValue(index::Timestamp{time.micros});
    }
    case v1::Value::kStringList:
      return InvalidArgument(reason::kInvalidRequest,
                             "a field is compared with one value, and this is a list: a membership "
                             "takes several");
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return InvalidArgument(reason::kInvalidRequest,
                         "the value is not set, or of a kind that this server does not know");
}

absl::StatusOr<CompareOp> ReadOperator(int in) {
  switch (in) {
    case v1::FILTER_OPERATOR_EQUAL:
      return CompareOp::kEqual;
    case v1::FILTER_OPERATOR_NOT_EQUAL:
      return CompareOp::kNotEqual;
    case v1::FILTER_OPERATOR_LESS:
      return CompareOp::kLess;
    case v1::FILTER_OPERATOR_LESS_OR_EQUAL:
      return CompareOp::kLessEqual;
    case v1::FILTER_OPERATOR_GREATER:
      return CompareOp::kGreater;
    case v1::FILTER_OPERATOR_GREATER_OR_EQUAL:
      return CompareOp::kGreaterEqual;
    case v1::FILTER_OPERATOR_HAS:
      return CompareOp::kHas;
    default:
      return InvalidArgument(
                 reason::kInvalidRequest,
                 "operator: {} is no value of FilterOperator that a comparison can have", in)
          .Field("operator");
  }
}

absl::StatusOr<Filter> ReadComparison(const v1::FieldComparison& in) {
  KITH_ASSIGN_OR_RETURN(const CompareOp op, ReadOperator(in.operator_()));
  absl::StatusOr<ScalarValue> value = ReadScalar(in.value());
  if (!value.ok()) return InField(std::move(value).status(), "value");
  return Filter::Compare(in.field(), op, *std::move(value));
}

absl::StatusOr<Filter> ReadMembership(const v1::FieldMembership& in) {
  if (in.values().empty()) {
    return InvalidArgument(reason::kInvalidRequest, "values: at least 1").Field("values");
  }
  if (static_cast<size_t>(in.values_size()) > index::kMaxInValues) {
    return InvalidArgument(reason::kFilterTooLarge, "values: {} given, the limit is {}",
                           in.values_size(), index::kMaxInValues)
        .Field("values")
        .With("limit", index::kMaxInValues);
  }
  std::vector<ScalarValue> values;
  values.reserve(static_cast<size_t>(in.values_size()));
  for (const v1::Value& item : in.values()) {
    absl::StatusOr<ScalarValue> value = ReadScalar(item);
    if (!value.ok()) {
      return InField(std::move(value).status(), fmt::format("values[{}]", values.size()));
    }
    values.push_back(*std::move(value));
  }
  return Filter::In(in.field(), std::move(values));
}

// `nodes` counts those of the whole tree.
absl::StatusOr<Filter> ReadNode(const v1::Filter& in, size_t depth, size_t* nodes);

absl::StatusOr<std::vector<Filter>> ReadParts(const v1::FilterList& in, const char* field,
                                              size_t depth, size_t* nodes) {
  if (in.filters().empty()) {
    return InvalidArgument(reason::kInvalidRequest, "{}: at least 1 filter", field).Field(field);
  }
  std::vector<Filter> parts;
  for (const v1::Filter& item : in.filters()) {
    absl::StatusOr<Filter> part = ReadNode(item, depth, nodes);
    if (!part.ok()) {
      return InField(std::move(part).status(), fmt::format("{}.filters[{}]", field, parts.size()));
    }
    parts.push_back(*std::move(part));
  }
  return parts;
}

absl::StatusOr<Filter> ReadNode(const v1::Filter& in, size_t depth, size_t* nodes) {
  if (depth > index::kMaxFilterDepth) {
    return InvalidArgument(reason::kFilterTooLarge, "filters are nested more than {} deep",
                           index::kMaxFilterDepth)
        .With("limit", index::kMaxFilterDepth);
  }
  if (++*nodes > index::kMaxFilterNodes) {
    return InvalidArgument(reason::kFilterTooLarge, "more than {} filters in one tree",
                           index::kMaxFilterNodes)
        .With("limit", index::kMaxFilterNodes);
  }
  const auto at = [](absl::StatusOr<Filter> filter, const char* field) -> absl::StatusOr<Filter> {
    if (!filter.ok()) return InField(std::move(filter).status(), field);
    return filter;
  };
  switch (in.condition_case()) {
    case v1::Filter::kAllOf: {
      KITH_ASSIGN_OR_RETURN(auto parts, ReadParts(in.all_of(), "all_of", depth + 1, nodes));
      return Filter::And(std::move(parts));
    }
    case v1::Filter::kAnyOf: {
      KITH_ASSIGN_OR_RETURN(auto parts, ReadParts(in.any_of(), "any_of", depth + 1, nodes));
      return Filter::Or(std::move(parts));
    }
    case v1::Filter::kNegated: {
      KITH_ASSIGN_OR_RETURN(Filter part, at(ReadNode(in.negated(), depth + 1, nodes), "negated"));
      return Filter::Not(std::move(part));
    }
    case v1::Filter::kComparison:
      return at(ReadComparison(in.comparison()), "comparison");
    case v1::Filter::kMembership:
      return at(ReadMembership(in.membership()), "membership");
    case v1::Filter::kExists:
      return Filter::Exists(in.exists());
    case v1::Filter::CONDITION_NOT_SET:
      break;
  }
  return InvalidArgument(reason::kInvalidRequest,
                         "the condition is not set, or of a kind that this server does not know");
}

}  // namespace

absl::StatusOr<Filter> ReadFilterTree(const v1::Filter& in) {
  size_t nodes = 0;
  absl::StatusOr<Filter> filter = ReadNode(in, 1, &nodes);
  if (!filter.ok()) return InField(std::move(filter).status(), "filter_tree");
  return filter;
}

bool IsOfFilter(const absl::Status& status) {
  const ErrorDetails details = DetailsOf(status);
  return details.field.empty() &&
         (details.reason == reason::kFilterType || details.reason == reason::kFilterTooLarge ||
          details.reason == reason::kFieldNotIndexed);
}

}  // namespace kith::rpc
