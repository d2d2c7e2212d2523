#include "index/companion_file.h"

#include <algorithm>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr size_t kBytesAtOnce = size_t{1} << 20;  // between two looks at the call

SectionKind SectionOf(SegmentFileKind kind) {
  return kind == SegmentFileKind::kTerms ? SectionKind::kTermImage : SectionKind::kMetadataImage;
}

bool IsOf(const SegmentHeader& header, const CompanionOf& of) {
  return header.metric == of.metric && header.dimension == of.dimension && header.rows == of.rows &&
         header.range == of.range && header.rows_checksum == of.rows_checksum;
}

}  // namespace

absl::StatusOr<FileSummary> WriteCompanion(SegmentFileKind kind, const CompanionOf& of,
                                           std::string_view image, const ByteSink& sink,
                                           const Call& call) {
  SegmentFileWriter writer(sink);
  KITH_RETURN_IF_ERROR(writer.Begin({.kind = kind,
                                     .metric = of.metric,
                                     .dimension = of.dimension,
                                     .rows = of.rows,
                                     .range = of.range,
                                     .rows_checksum = of.rows_checksum,
                                     .sections = {{SectionOf(kind), 0, image.size()}}}));
  while (!image.empty()) {
    KITH_RETURN_IF_ERROR(call.Check());
    KITH_RETURN_IF_ERROR(writer.Append(image.substr(0, kBytesAtOnce)));
    image.remove_prefix(std::min(kBytesAtOnce, image.size()));
  }
  return writer.Finish();
}

absl::StatusOr<CompanionFile> CompanionFile::Read(const std::string& path, SegmentFileKind kind,
                                                  const CompanionOf& of, const Call& call) {
  KITH_ASSIGN_OR_RETURN(const SegmentFile file, SegmentFile::Open(path, kind));
  if (!IsOf(file.header(), of)) {
    return FileDamage(path, 0, kHeaderBytes, "it was made for the rows of another segment");
  }
  const SegmentHeader::Section* section = file.Find(SectionOf(kind));
  if (section == nullptr || section->offset != 0 || section->size != file.body_bytes()) {
    return FileDamage(path, 0, kHeaderBytes, "it has other sections than one image");
  }
  CompanionFile companion;
  companion.path_ = path;
  companion.kind_ = kind;
  companion.summary_ = file.summary();
  KITH_ASSIGN_OR_RETURN(companion.memory_, HugeMemory::Allocate(file.body_bytes()));
  KITH_RETURN_IF_ERROR(file.ReadBody(companion.memory_.bytes(), call));
  return companion;
}

absl::Status CompanionFile::InImage(const absl::Status& status) const {
  if (status.ok()) return status;
  return FileDamage(path_, kHeaderBytes, kHeaderBytes + memory_.size_bytes(),
                    std::string(status.message()));
}

absl::Status CompanionFile::Verify(const Call& call) const {
  KITH_ASSIGN_OR_RETURN(const SegmentFile file, SegmentFile::Open(path_, kind_));
  if (file.summary() != summary_) {
    return FileDamage(path_, 0, kHeaderBytes, "it is not the file that was opened");
  }
  return file.ReadBody({}, call);
}

}  // namespace kith::index
