// FieldRegistry: the type of every metadata field of a collection, fixed by its first use. An int64
// field widens to double when a double arrives; a double field takes int64 values as they are.
//
// Immutable once published in a View: the committer copies, adds, and publishes the copy.

#ifndef KITH_SERVER_ENGINE_FIELD_REGISTRY_H_
#define KITH_SERVER_ENGINE_FIELD_REGISTRY_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/store/catalog.pb.h"
#include "kith/store/document.pb.h"
#include "server/engine/document.h"

namespace kith::engine {

class FieldRegistry {
 public:
  static absl::StatusOr<FieldRegistry> FromRecord(const store::FieldRegistry& record);
  store::FieldRegistry ToRecord() const;

  // Takes in the fields of a document, or those that a change of metadata sets. INVALID_ARGUMENT /
  // FIELD_TYPE_CONFLICT names the field and both types; INVALID_METADATA when there would be more
  // than `fields_max`. After an error the registry may hold some of the document's fields: use a
  // copy. Returns whether anything changed.
  absl::StatusOr<bool> Absorb(const store::DocumentRecord& document, size_t fields_max);
  absl::StatusOr<bool> Absorb(const Metadata& metadata, size_t fields_max);

  const std::map<std::string, FieldType>& types() const { return types_; }

 private:
  absl::StatusOr<bool> Absorb(const std::string& name, FieldType given, size_t fields_max);

  std::map<std::string, FieldType> types_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FIELD_REGISTRY_H_
