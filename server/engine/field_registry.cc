#include "server/engine/field_registry.h"

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

const char* NameOf(FieldType type) {
  switch (type) {
    case FieldType::kKeyword:
      return "string";
    case FieldType::kKeywordList:
      return "string list";
    case FieldType::kInt64:
      return "integer";
    case FieldType::kDouble:
      return "double";
    case FieldType::kBool:
      return "bool";
    case FieldType::kTimestamp:
      return "timestamp";
  }
  return "unknown";
}

}  // namespace

absl::StatusOr<FieldRegistry> FieldRegistry::FromRecord(const store::FieldRegistry& record) {
  FieldRegistry registry;
  for (const store::FieldRecord& field : record.fields()) {
    if (field.type() < store::FIELD_TYPE_KEYWORD || field.type() > store::FIELD_TYPE_TIMESTAMP) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "the stored type of the field {} is {}, which no version wrote",
                   Quoted(field.name()), static_cast<int>(field.type()));
    }
    registry.types_[field.name()] = static_cast<FieldType>(field.type());
  }
  return registry;
}

store::FieldRegistry FieldRegistry::ToRecord() const {
  store::FieldRegistry record;
  for (const auto& [name, type] : types_) {
    store::FieldRecord* field = record.add_fields();
    field->set_name(name);
    field->set_type(static_cast<store::FieldType>(type));
  }
  return record;
}

absl::StatusOr<bool> FieldRegistry::Absorb(const store::DocumentRecord& document,
                                           size_t fields_max) {
  bool changed = false;
  for (const store::MetadataEntry& entry : document.metadata()) {
    KITH_ASSIGN_OR_RETURN(const bool added, Absorb(entry.key(), TypeOf(entry.value()), fields_max));
    changed = changed || added;
  }
  return changed;
}

absl::StatusOr<bool> FieldRegistry::Absorb(const Metadata& metadata, size_t fields_max) {
  bool changed = false;
  for (const auto& [key, value] : metadata) {
    const auto type = static_cast<FieldType>(value.index() + 1);
    KITH_ASSIGN_OR_RETURN(const bool added, Absorb(key, type, fields_max));
    changed = changed || added;
  }
  return changed;
}

absl::StatusOr<bool> FieldRegistry::Absorb(const std::string& name, FieldType given,
                                           size_t fields_max) {
  const auto [field, is_new] = types_.try_emplace(name, given);
  FieldType& fixed = field->second;
  if (is_new) {
    if (types_.size() <= fields_max) return true;
    return InvalidArgument(
               reason::kInvalidMetadata,
               "metadata: {} would be field number {} of the collection, the limit is {}",
               Quoted(name), types_.size(), fields_max)
        .Field("metadata")
        .With("limit", fields_max);
  }
  if (fixed == given || (fixed == FieldType::kDouble && given == FieldType::kInt64)) return false;
  if (fixed == FieldType::kInt64 && given == FieldType::kDouble) {
    fixed = FieldType::kDouble;
    return true;
  }
  return InvalidArgument(
             reason::kFieldTypeConflict,
             "metadata: the field {} holds values of type {} in this collection, got {}",
             Quoted(name), NameOf(fixed), NameOf(given))
      .Field("metadata[" + Quoted(name) + "]")
      .With("field_type", NameOf(fixed))
      .With("given_type", NameOf(given));
}

}  // namespace kith::engine
