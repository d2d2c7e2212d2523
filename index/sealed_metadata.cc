#include "index/sealed_metadata.h"

#include <utility>

#include "index/companion_file.h"
#include "index/metadata/metadata_index.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {

absl::StatusOr<std::shared_ptr<const SealedMetadata>> SealedMetadata::Open(
    const IndexOptions& options, const SealedSegment& segment, const std::string& path,
    const Call& call) {
  const CompanionOf of = {.metric = options.metric,
                          .dimension = options.dimension,
                          .rows = segment.rows(),
                          .range = segment.range(),
                          .rows_checksum = segment.rows_file().checksum};
  KITH_ASSIGN_OR_RETURN(CompanionFile read,
                        CompanionFile::Read(path, SegmentFileKind::kMetadata, of, call));
  const auto file = std::make_shared<const CompanionFile>(std::move(read));
  auto run = MetadataIndex::Parse(file->image(), file, of.rows);
  if (!run.ok()) return file->InImage(run.status());
  if ((*run)->rows() != of.rows || (*run)->first_slot() != 0 || !(*run)->contiguous()) {
    return FileDamage(
        path, kHeaderBytes, kHeaderBytes + file->image().size(),
        fmt::format("it covers {} slots from {} to {}, its segment has {} rows", (*run)->rows(),
                    (*run)->first_slot(), (*run)->last_slot(), of.rows));
  }
  return std::shared_ptr<const SealedMetadata>(new SealedMetadata(file, *std::move(run)));
}

SealedMetadata::SealedMetadata(std::shared_ptr<const CompanionFile> file, MetadataRuns::Run run)
    : file_(std::move(file)), run_(std::move(run)) {}

const std::string& SealedMetadata::path() const { return file_->path(); }
FileSummary SealedMetadata::file() const { return file_->summary(); }

absl::Status SealedMetadata::VerifyAll(const Call& call) const {
  const absl::Status status = file_->Verify(call);
  if (IsDamage(status)) damaged_.store(true, std::memory_order_relaxed);
  return status;
}

}  // namespace kith::index
