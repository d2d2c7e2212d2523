#include "index/metadata/metadata_row.h"

namespace kith::index {
namespace {

// Beside the bytes of names and values: an id, a place in the dictionary, a row of a list.
constexpr size_t kValueBytes = 24;

struct ValueBytes {
  size_t operator()(const std::string& value) const { return value.size() + kValueBytes; }
  size_t operator()(const std::vector<std::string>& values) const {
    size_t bytes = kValueBytes;
    for (const std::string& value : values) bytes += (*this)(value);
    return bytes;
  }
  template <typename T>
  size_t operator()(const T&) const {
    return sizeof(T) + kValueBytes;
  }
};

}  // namespace

std::string_view FieldTypeName(FieldType type) {
  switch (type) {
    case FieldType::kKeyword:
      return "keyword";
    case FieldType::kKeywordList:
      return "keyword list";
    case FieldType::kInt64:
      return "int64";
    case FieldType::kDouble:
      return "double";
    case FieldType::kBool:
      return "bool";
    case FieldType::kTimestamp:
      return "timestamp";
  }
  return "unknown";
}

size_t RunBytes(const MetadataRow& row) {
  // A row's slot and head.
  size_t bytes = 8;
  for (const auto& [field, value] : row) bytes += std::visit(ValueBytes(), value);
  return bytes;
}

}  // namespace kith::index
