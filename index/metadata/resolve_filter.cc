// CheckFilterShape and ResolveFilter: whether a filter makes sense, and whether it does so for the
// fields of this collection.

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "index/metadata/filter.h"
#include "index/metadata/timestamp.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

template <typename Limit>
ErrorBuilder TooLarge(const std::string& message, Limit limit) {
  return InvalidArgument(reason::kFilterTooLarge, "{}", message).With("limit", limit);
}

// How many parts and values a kind has; a field goes with values, and with kExists.
absl::Status CheckNode(const Filter& filter) {
  using Kind = Filter::Kind;
  const size_t parts = filter.parts.size(), values = filter.values.size();
  const bool joins = filter.kind == Kind::kAnd || filter.kind == Kind::kOr;
  const bool good_parts = joins || parts == (filter.kind == Kind::kNot ? 1 : 0);
  const bool good_values =
      filter.kind == Kind::kIn || values == (filter.kind == Kind::kCompare ? 1 : 0);
  if (!good_parts || !good_values) {
    return InvalidArgument(reason::kInvalidRequest,
                           "filter: a node of kind {} has {} parts and {} values",
                           static_cast<int>(filter.kind), parts, values);
  }
  if (values > kMaxInValues) {
    return TooLarge(fmt::format("filter: IN has {} values, at most {}", values, kMaxInValues),
                    kMaxInValues);
  }
  return absl::OkStatus();
}

// Without recursion, since the depth is what is in question. A level at a time.
absl::Status CheckShape(const Filter& filter) {
  std::vector<const Filter*> level = {&filter};
  size_t nodes = 0;
  for (size_t depth = 1; !level.empty(); ++depth) {
    nodes += level.size();
    if (depth > kMaxFilterDepth) {
      return TooLarge(fmt::format("filter: deeper than {}", kMaxFilterDepth), kMaxFilterDepth);
    }
    if (nodes > kMaxFilterNodes) {
      return TooLarge(fmt::format("filter: {} nodes or more, at most {}", nodes, kMaxFilterNodes),
                      kMaxFilterNodes);
    }
    std::vector<const Filter*> next;
    for (const Filter* node : level) {
      KITH_RETURN_IF_ERROR(CheckNode(*node));
      for (const Filter& part : node->parts) next.push_back(&part);
    }
    level.swap(next);
  }
  return absl::OkStatus();
}

std::string_view KindOf(const ScalarValue& value) {
  switch (value.index()) {
    case 0:
      return "a string";
    case 1:
      return "an int64";
    case 2:
      return "a double";
    case 3:
      return "a bool";
    default:
      return "a timestamp";
  }
}

absl::Status Conflict(const std::string& field, FieldType type, const std::string& what) {
  return InvalidArgument(reason::kFilterType, "field {} holds {}, {}", Quoted(field),
                         FieldTypeName(type), what)
      .With("field", field)
      .With("type", FieldTypeName(type));
}

// The value as one of the field's type is compared with it.
absl::Status FitValue(const std::string& field, FieldType type, ScalarValue& value) {
  bool fits = false;
  switch (type) {
    case FieldType::kKeyword:
    case FieldType::kKeywordList:
      fits = std::holds_alternative<std::string>(value);
      break;
    case FieldType::kInt64:
    case FieldType::kDouble:
      fits = std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
      break;
    case FieldType::kBool:
      fits = std::holds_alternative<bool>(value);
      break;
    case FieldType::kTimestamp:
      if (const auto* text = std::get_if<std::string>(&value)) {
        const std::optional<Timestamp> time = ParseTimestamp(*text);
        if (!time.has_value()) {
          return Conflict(
              field, type,
              fmt::format("compared with {}, which is no time of RFC 3339", Quoted(*text)));
        }
        value = *time;
      }
      fits = std::holds_alternative<Timestamp>(value);
      break;
  }
  if (fits) return absl::OkStatus();
  return Conflict(field, type, fmt::format("compared with {}", KindOf(value)));
}

bool HasOrder(FieldType type) {
  return type != FieldType::kKeywordList && type != FieldType::kBool;
}

bool IsOrder(CompareOp op) {
  return op == CompareOp::kLess || op == CompareOp::kLessEqual || op == CompareOp::kGreater ||
         op == CompareOp::kGreaterEqual;
}

absl::Status FitLeaf(const FilterFieldLookup& fields, Filter& filter) {
  const FilterField known = fields(filter.field);
  KITH_RETURN_IF_ERROR(CheckFieldIndexed(filter.field, known, "filter"));
  for (ScalarValue& value : filter.values) {
    if (const auto* number = std::get_if<double>(&value); number && std::isnan(*number)) {
      return InvalidArgument(reason::kFilterType, "field {} is compared with NaN",
                             Quoted(filter.field))
          .With("field", filter.field);
    }
    if (known.type.has_value()) {
      KITH_RETURN_IF_ERROR(FitValue(filter.field, *known.type, value));
    }
  }
  if (filter.kind == Filter::Kind::kCompare && known.type.has_value() && IsOrder(filter.op) &&
      !HasOrder(*known.type)) {
    return Conflict(filter.field, *known.type,
                    fmt::format("which has no order for {}", NameOf(filter.op)));
  }
  if (filter.kind == Filter::Kind::kIn) {
    const auto less = [](const ScalarValue& a, const ScalarValue& b) {
      return CompareValues(ViewOf(a), ViewOf(b)) < 0;
    };
    std::sort(filter.values.begin(), filter.values.end(), less);
    const auto equal = [](const ScalarValue& a, const ScalarValue& b) {
      return CompareValues(ViewOf(a), ViewOf(b)) == 0;
    };
    filter.values.erase(std::unique(filter.values.begin(), filter.values.end(), equal),
                        filter.values.end());
  }
  return absl::OkStatus();
}

// No deeper than CheckShape allows.
absl::Status Fit(const FilterFieldLookup& fields, Filter& filter) {
  for (Filter& part : filter.parts) KITH_RETURN_IF_ERROR(Fit(fields, part));
  const bool is_leaf = filter.kind == Filter::Kind::kCompare || filter.kind == Filter::Kind::kIn ||
                       filter.kind == Filter::Kind::kExists;
  return is_leaf ? FitLeaf(fields, filter) : absl::OkStatus();
}

}  // namespace

absl::Status CheckFilterShape(const Filter& filter) { return CheckShape(filter); }

absl::StatusOr<Filter> ResolveFilter(Filter filter, const FilterFieldLookup& fields) {
  KITH_RETURN_IF_ERROR(CheckShape(filter));
  KITH_RETURN_IF_ERROR(Fit(fields, filter));
  return filter;
}

absl::Status CheckFieldIndexed(std::string_view field, const FilterField& known,
                               std::string_view use) {
  if (known.indexed) return absl::OkStatus();
  return InvalidArgument(reason::kFieldNotIndexed,
                         "{}: the schema leaves the field {} out of the index", use, Quoted(field))
      .With("field", field);
}

}  // namespace kith::index
