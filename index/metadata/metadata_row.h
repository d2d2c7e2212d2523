// The metadata of a document, as it is written, and the types that its values have. Plain values
// that the engine makes of what users send.

#ifndef KITH_INDEX_METADATA_METADATA_ROW_H_
#define KITH_INDEX_METADATA_METADATA_ROW_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "index/metadata/timestamp.h"

namespace kith::index {

// The alternatives are in the order of FieldType's values. A double is finite.
using MetadataValue =
    std::variant<std::string, std::vector<std::string>, int64_t, double, bool, Timestamp>;

// Fields and their values. All passages of a document have the same row.
using MetadataRow = std::map<std::string, MetadataValue>;

// Never renumber: values are stored. FieldType(value.index() + 1) is a value's type.
enum class FieldType : uint8_t {
  kKeyword = 1,
  kKeywordList = 2,
  kInt64 = 3,
  kDouble = 4,
  kBool = 5,
  kTimestamp = 6,
};

// As messages call it: "keyword", "keyword list", "int64", "double", "bool", "timestamp".
std::string_view FieldTypeName(FieldType type);

// About how many bytes the row adds to a run that it is built into (metadata_builder.h); runs that
// are being merged take it twice for a moment. For budgets, before anything is built.
size_t RunBytes(const MetadataRow& row);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_ROW_H_
