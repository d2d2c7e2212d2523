// SegmentFiles: where the files of sealed segments lie, and which of them may stay. What is in them
// is index/'s business; which of them count, the manifests say.
//
//   segments/<shard>/<space>-<id>.graph               and .rows, .terms; numbers in decimal
//   segments/<shard>/<space>-<id>-<generation>.meta   metadata, which may be written anew by itself
//
// A file is written as AtomicFile does, so that one with such a name is whole. A crash between the
// files and the manifest that names them leaves orphans, which RemoveOrphans removes at start.
//
// Thread-safe, as far as the file system is.

#ifndef KITH_STORAGE_SEGMENT_FILES_H_
#define KITH_STORAGE_SEGMENT_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/store/catalog.pb.h"
#include "storage/types.h"

namespace kith::storage {

// Manifests by the vector space that they are of.
using Manifests = std::map<std::pair<ShardNumber, SpaceNumber>, store::ManifestRecord>;

class SegmentFiles {
 public:
  // `folder` is made if it is not there.
  static absl::StatusOr<std::unique_ptr<SegmentFiles>> Open(std::string folder);

  std::string GraphPath(ShardNumber shard, SpaceNumber space, uint64_t id) const;
  std::string RowsPath(ShardNumber shard, SpaceNumber space, uint64_t id) const;
  std::string TermsPath(ShardNumber shard, SpaceNumber space, uint64_t id) const;
  std::string MetadataPath(ShardNumber shard, SpaceNumber space, uint64_t id,
                           uint64_t generation) const;

  // Makes the shard's folder: before the first file is written.
  absl::Status Prepare(ShardNumber shard) const;

  // The files of a segment, its metadata of that generation among them; OK if they are not there.
  // Who has them open or mapped keeps them.
  absl::Status Remove(ShardNumber shard, SpaceNumber space, uint64_t id,
                      uint64_t metadata_generation) const;
  // Its metadata alone.
  absl::Status RemoveMetadata(ShardNumber shard, SpaceNumber space, uint64_t id,
                              uint64_t generation) const;
  // Every segment of one space of a shard. REQUIRES: nobody writes files of it any more.
  absl::Status RemoveSpace(ShardNumber shard, SpaceNumber space) const;
  // Everything of a shard. REQUIRES: nobody writes files of it any more.
  absl::Status RemoveShard(ShardNumber shard) const;

  // Removes what no manifest names, half-written files too, and returns their paths. Things with
  // names of another kind are not ours: they stay. REQUIRES: no build has begun.
  absl::StatusOr<std::vector<std::string>> RemoveOrphans(const Manifests& manifests) const;

 private:
  explicit SegmentFiles(std::string folder) : folder_(std::move(folder)) {}
  std::string Path(ShardNumber shard, SpaceNumber space, uint64_t id, std::string_view kind) const;
  std::string ShardFolder(ShardNumber shard) const;

  const std::string folder_;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_SEGMENT_FILES_H_
