#include "server/engine/field_registry.h"

#include "kith/base/error.h"
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
    const FieldType given = TypeOf(entry.value());
    const auto [field, is_new] = types_.try_emplace(entry.key(), given);
    FieldType& fixed = field->second;
    if (is_new) {
      changed = true;
      if (types_.size() > fields_max) {
        return InvalidArgument(
                   reason::kInvalidMetadata,
                   "metadata: {} would be field number {} of the collection, the limit is {}",
                   Quoted(entry.key()), types_.size(), fields_max)
            .Field("metadata")
            .With("limit", fields_max);
      }
    } else if (fixed == FieldType::kInt64 && given == FieldType::kDouble) {
      fixed = FieldType::kDouble;
      changed = true;
    } else if (fixed != given && !(fixed == FieldType::kDouble && given == FieldType::kInt64)) {
      return InvalidArgument(
                 reason::kFieldTypeConflict,
                 "metadata: the field {} holds values of type {} in this collection, got {}",
                 Quoted(entry.key()), NameOf(fixed), NameOf(given))
          .Field("metadata[" + Quoted(entry.key()) + "]")
          .With("field_type", NameOf(fixed))
          .With("given_type", NameOf(given));
    }
  }
  return changed;
}

}  // namespace kith::engine
