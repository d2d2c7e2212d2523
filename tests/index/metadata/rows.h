// Random metadata and random filters over it, and what filters mean, said once more without any
// index: row by row. The fields are chosen to meet every kind of column: few values and many,
// lists, numbers of both types in one field, fields that most rows have and fields that hardly any
// has.

#ifndef KITH_TESTS_INDEX_METADATA_ROWS_H_
#define KITH_TESTS_INDEX_METADATA_ROWS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "index/metadata/filter.h"
#include "index/metadata/metadata_row.h"

namespace kith::index {

using Random = std::mt19937_64;

inline size_t Below(Random& random, size_t n) { return random() % n; }

inline int64_t AnInteger(Random& random) {
  // Neighbours that a double cannot tell apart, and the ends.
  constexpr int64_t kTwoTo53 = int64_t{1} << 53;
  switch (Below(random, 8)) {
    case 0:
      return kTwoTo53 + static_cast<int64_t>(Below(random, 4));
    case 1:
      return -kTwoTo53 - static_cast<int64_t>(Below(random, 4));
    case 2:
      return Below(random, 2) == 0 ? INT64_MAX : INT64_MIN;
    default:
      return static_cast<int64_t>(Below(random, 20)) - 10;
  }
}

inline double ADouble(Random& random) {
  switch (Below(random, 8)) {
    case 0:
      return std::ldexp(1.0, 53) + 2.0 * static_cast<double>(Below(random, 3));
    case 1:
      return Below(random, 2) == 0 ? std::ldexp(1.0, 63) : -std::ldexp(1.0, 63);
    case 2:
      return Below(random, 2) == 0 ? 1e300 : -1e300;
    case 3:
      return Below(random, 2) == 0 ? 0.0 : -0.0;
    default:
      return (static_cast<double>(Below(random, 80)) - 40) / 4;
  }
}

inline std::string AKeyword(Random& random, size_t different) {
  static const std::string kOdd[] = {"", "\xff\xfe", std::string("a\0b", 3), "é", "Z", "z", "zz"};
  if (Below(random, 10) == 0) return kOdd[Below(random, std::size(kOdd))];
  return fmt::format("w{}", Below(random, different));
}

// The fields that rows have, "nosuch" apart, and their types.
struct FieldOfTest {
  std::string name;
  FieldType type;
  size_t one_in;  // so many rows have it
};
inline const std::vector<FieldOfTest>& Fields() {
  static const std::vector<FieldOfTest> fields = {
      {"lang", FieldType::kKeyword, 1},     {"name", FieldType::kKeyword, 2},
      {"tags", FieldType::kKeywordList, 2}, {"year", FieldType::kInt64, 1},
      {"price", FieldType::kDouble, 2},  // int64, too: from before it was widened
      {"open", FieldType::kBool, 3},        {"seen", FieldType::kTimestamp, 2},
      {"rare", FieldType::kKeyword, 60},    {"nosuch", FieldType::kKeyword, 0}};
  return fields;
}

inline FilterField LookUp(std::string_view name) {
  for (const FieldOfTest& field : Fields()) {
    if (field.name == name && field.one_in > 0) return {field.type};
  }
  return {};
}

inline MetadataValue AValue(Random& random, const FieldOfTest& field) {
  switch (field.type) {
    case FieldType::kKeyword:
      return AKeyword(random, field.name == "name" ? 5000 : 5);
    case FieldType::kKeywordList: {
      std::vector<std::string> values(Below(random, 5));
      for (std::string& value : values) value = AKeyword(random, 30);
      return values;
    }
    case FieldType::kInt64:
      return AnInteger(random);
    case FieldType::kDouble:
      if (Below(random, 2) == 0) return AnInteger(random);
      return ADouble(random);
    case FieldType::kBool:
      return Below(random, 2) == 0;
    case FieldType::kTimestamp:
      break;
  }
  return Timestamp{static_cast<int64_t>(Below(random, 10)) * 1'000'000};
}

inline MetadataRow ARow(Random& random) {
  MetadataRow row;
  for (const FieldOfTest& field : Fields()) {
    if (field.one_in > 0 && Below(random, field.one_in) == 0) {
      row[field.name] = AValue(random, field);
    }
  }
  return row;
}

inline ScalarValue ALiteral(Random& random, const FieldOfTest& field) {
  if (field.type == FieldType::kKeywordList) return AKeyword(random, 30);
  if (field.type == FieldType::kInt64 && Below(random, 2) == 0) return ADouble(random);
  const MetadataValue value = AValue(random, field);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return std::get<Timestamp>(value);
}

inline Filter AFilter(Random& random, int depth) {
  const size_t kind = Below(random, depth > 0 ? 10 : 6);
  if (kind >= 6) {
    std::vector<Filter> parts(kind == 9 ? 1 : Below(random, 4));
    for (Filter& part : parts) part = AFilter(random, depth - 1);
    if (kind == 9) return Filter::Not(std::move(parts[0]));
    return kind == 8 ? Filter::And(std::move(parts)) : Filter::Or(std::move(parts));
  }
  const FieldOfTest& field = Fields()[Below(random, Fields().size())];
  if (kind == 0) return Below(random, 4) == 0 ? Filter::All() : Filter::Exists(field.name);
  if (kind == 1) {
    std::vector<ScalarValue> values(Below(random, 12));
    for (ScalarValue& value : values) value = ALiteral(random, field);
    return Filter::In(field.name, std::move(values));
  }
  const bool ordered = field.type != FieldType::kKeywordList && field.type != FieldType::kBool;
  static constexpr CompareOp kOps[] = {
      CompareOp::kEqual,     CompareOp::kNotEqual, CompareOp::kHas,         CompareOp::kLess,
      CompareOp::kLessEqual, CompareOp::kGreater,  CompareOp::kGreaterEqual};
  return Filter::Compare(field.name, kOps[Below(random, ordered ? 7 : 3)], ALiteral(random, field));
}

// --- What a filter means.

// -1, 0, 1; numbers by a type that holds both exactly.
inline int OrderOf(const MetadataValue& value, const ScalarValue& literal) {
  const auto number = [](const auto& v) -> long double {
    if (const auto* integer = std::get_if<int64_t>(&v)) return *integer;
    return std::get<double>(v);
  };
  const auto sign = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sign(*text, std::get<std::string>(literal));
  }
  if (const auto* flag = std::get_if<bool>(&value)) return sign(*flag, std::get<bool>(literal));
  if (const auto* time = std::get_if<Timestamp>(&value)) {
    return sign(*time, std::get<Timestamp>(literal));
  }
  return sign(number(value), number(literal));
}

inline bool EqualsAny(const MetadataValue& value, const std::vector<ScalarValue>& literals) {
  for (const ScalarValue& literal : literals) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      for (const std::string& element : *list) {
        if (element == std::get<std::string>(literal)) return true;
      }
    } else if (OrderOf(value, literal) == 0) {
      return true;
    }
  }
  return false;
}

inline bool IsTrueOf(const Filter& filter, const MetadataRow& row) {
  switch (filter.kind) {
    case Filter::Kind::kAll:
      return true;
    case Filter::Kind::kAnd:
      for (const Filter& part : filter.parts) {
        if (!IsTrueOf(part, row)) return false;
      }
      return true;
    case Filter::Kind::kOr:
      for (const Filter& part : filter.parts) {
        if (IsTrueOf(part, row)) return true;
      }
      return false;
    case Filter::Kind::kNot:
      return !IsTrueOf(filter.parts[0], row);
    case Filter::Kind::kExists:
      return row.contains(filter.field);
    case Filter::Kind::kIn:
    case Filter::Kind::kCompare:
      break;
  }
  const auto value = row.find(filter.field);
  if (value == row.end()) return false;
  if (filter.kind == Filter::Kind::kIn) return EqualsAny(value->second, filter.values);
  switch (filter.op) {
    case CompareOp::kEqual:
    case CompareOp::kHas:
      return EqualsAny(value->second, filter.values);
    case CompareOp::kNotEqual:
      return !EqualsAny(value->second, filter.values);
    case CompareOp::kLess:
      return OrderOf(value->second, filter.values[0]) < 0;
    case CompareOp::kLessEqual:
      return OrderOf(value->second, filter.values[0]) <= 0;
    case CompareOp::kGreater:
      return OrderOf(value->second, filter.values[0]) > 0;
    case CompareOp::kGreaterEqual:
      break;
  }
  return OrderOf(value->second, filter.values[0]) >= 0;
}

// As an index gives it back: the values of a list in order, each once; one zero.
inline MetadataRow Canonical(MetadataRow row) {
  for (auto& [field, value] : row) {
    if (auto* list = std::get_if<std::vector<std::string>>(&value)) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    } else if (auto* number = std::get_if<double>(&value)) {
      *number += 0.0;
    }
  }
  return row;
}

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_METADATA_ROWS_H_
