// ModelStore: content-addressed copies of model directories inside the data folder, so that a
// collection keeps the encoder that made its vectors, whatever happens to the directory it came
// from.
//
//   models/<artifact hash>/<file>...
//
// A model is there whole or not at all: files are copied to a temporary folder, synced, and the
// folder is renamed. What was copied is described by a ModelRecord, which the caller puts into the
// catalog (CommitBatch::PutModel) after Import returned. Knows nothing of what is in the files.
//
// Thread-safe: calls for the same hash may race, one of them wins.

#ifndef KITH_STORAGE_MODEL_STORE_H_
#define KITH_STORAGE_MODEL_STORE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"

namespace kith::storage {

class ModelStore {
 public:
  // `folder` is made if it is not there; what a crash left half-copied is removed.
  static absl::StatusOr<std::unique_ptr<ModelStore>> Open(std::string folder);

  // Copies `files` (relative paths, "/" between their parts, no ".." and no links out) of
  // `source_dir`. Returns the record's `files`, with sizes and checksums; name, space hash and time
  // are the caller's. If the model is there already nothing is copied, and the record is made from
  // the files that are. `artifact_hash`: 8 to 128 digits of lower-case hexadecimal. An equal hash
  // must mean equal files.
  absl::StatusOr<store::ModelRecord> Import(const std::string& source_dir,
                                            std::span<const std::string> files,
                                            std::string_view artifact_hash, const Call& call);

  // Where the model lies; NOT_FOUND (ENCODER_NOT_FOUND) if it does not.
  absl::StatusOr<std::string> Path(std::string_view artifact_hash) const;

  // Reads every file again: DATA_LOSS names the first that is missing, or whose size or checksum is
  // not the record's.
  absl::Status Verify(std::string_view artifact_hash, const store::ModelRecord& record,
                      const Call& call) const;

  // OK if it is not there.
  absl::Status Remove(std::string_view artifact_hash);

 private:
  explicit ModelStore(std::string folder) : folder_(std::move(folder)) {}

  const std::string folder_;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_MODEL_STORE_H_
