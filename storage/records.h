// Records: parsing and checking what a row holds. The same check runs before a record is written (a
// problem is a bug of ours) and after it was read (a problem is damage).
//
// Only storage/ and its tests use this. Thread-safe: plain functions.

#ifndef KITH_STORAGE_RECORDS_H_
#define KITH_STORAGE_RECORDS_H_

#include <climits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "kith/store/catalog.pb.h"
#include "kith/store/document.pb.h"
#include "storage/keys.h"

namespace kith::storage {

// What is wrong with the record, as a clause ("passage_count is 0"); empty if nothing is.
std::string ProblemOf(const store::DocumentRecord& record);
std::string ProblemOf(const store::PassageRecord& record);
std::string ProblemOf(const store::TombstoneRecord& record);
std::string ProblemOf(const store::UpdateRecord& record);
std::string ProblemOf(const store::RequestRecord& record);
std::string ProblemOf(const store::ServerRecord& record);
std::string ProblemOf(const store::CollectionRecord& record);
std::string ProblemOf(const store::FieldRegistry& record);
std::string ProblemOf(const store::ShardState& record);
std::string ProblemOf(const store::ManifestRecord& record);
std::string ProblemOf(const store::ModelRecord& record);
std::string ProblemOf(const store::OperationRecord& record);

// Whether it may name a model's folder: 8 to 128 digits of lower-case hexadecimal.
bool IsArtifactHash(std::string_view hash);

// DATA_LOSS naming the row.
absl::Status DamagedRow(Family family, std::string_view key, std::string_view problem);

// Parses `value` into `record` and checks it.
template <typename Record>
absl::Status ParseRecord(Family family, std::string_view key, std::string_view value,
                         Record& record) {
  if (value.size() > INT_MAX ||
      !record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DamagedRow(family, key, "it does not parse as " + record.GetTypeName());
  }
  if (const std::string problem = ProblemOf(record); !problem.empty()) {
    return DamagedRow(family, key, problem);
  }
  return absl::OkStatus();
}

}  // namespace kith::storage

#endif  // KITH_STORAGE_RECORDS_H_
