#include "server/engine/indexing/segment_job.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "index/codes/code_kind.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/indexing/manifest_keeper.h"
#include "storage/atomic_file.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// What AUTO means: the kind that wins index_bench at equal recall.
constexpr index::CodeKind kAutoCodes = index::CodeKind::kInt4;

// What a provisional graph is built with, of what was asked for: half the work. Its recall curve is
// measured like any other, so that searches look at a few nodes more and find as much.
uint32_t ProvisionalEf(const index::SegmentBuildOptions& asked) {
  return std::max(asked.m, asked.ef_construction / 2);
}

// What a fold takes: the image, as much again while it is made, and the new file when it is open.
constexpr uint64_t kFoldCopies = 3;
constexpr uint64_t kFoldRowBytes = 12;

// Of the metadata that comes with a build.
constexpr uint64_t kFirstGeneration = 1;

index::CodeKind CodesOf(Quantization quantization) {
  switch (quantization) {
    case Quantization::kInt4:
      return index::CodeKind::kInt4;
    case Quantization::kInt8:
      return index::CodeKind::kInt8;
    case Quantization::kF16:
      return index::CodeKind::kF16;
    case Quantization::kF32:
      return index::CodeKind::kF32;
    case Quantization::kAuto:
      break;
  }
  return kAutoCodes;
}

index::OrdinalRange RangeOf(const index::SegmentView& segment) {
  if (segment.sealed != nullptr) return segment.sealed->range();
  return {segment.first_ordinal(), segment.last_ordinal() + 1};
}

void SetFile(const index::FileSummary& summary, store::SegmentFile* file) {
  file->set_size_bytes(summary.size_bytes);
  file->set_checksum(summary.checksum);
}

store::SegmentRecord RecordOf(const SegmentJob& job, index::OrdinalRange range,
                              const index::SegmentBuilt& built) {
  store::SegmentRecord record;
  record.set_id(job.id);
  record.set_begin_ordinal(range.begin);
  record.set_end_ordinal(range.end);
  record.set_rows(built.rows);
  record.set_built_at_sequence(job.sequence);
  record.set_metadata_generation(kFirstGeneration);
  record.set_metadata_at_sequence(job.sequence);
  SetFile(built.graph, record.mutable_graph());
  SetFile(built.rows_file, record.mutable_rows_file());
  SetFile(built.terms, record.mutable_terms());
  SetFile(built.metadata, record.mutable_metadata());
  return record;
}

index::ByteSink SinkOf(storage::AtomicFile* file) {
  return [file](std::string_view bytes) { return file->Append(bytes); };
}

}  // namespace

index::SegmentPaths PathsOf(const storage::SegmentFiles& files, const SpaceIdentity& shard,
                            uint64_t id) {
  return {files.GraphPath(shard.shard, shard.space, id),
          files.RowsPath(shard.shard, shard.space, id),
          files.TermsPath(shard.shard, shard.space, id)};
}

index::OrdinalRange RangeOf(std::span<const index::SegmentView> inputs) {
  return {RangeOf(inputs.front()).begin, RangeOf(inputs.back()).end};
}

index::SegmentBuildOptions BuildOptionsOf(const IndexSettings& settings) {
  index::SegmentBuildOptions options;
  options.codes = CodesOf(settings.quantization);
  options.m = settings.m;
  options.ef_construction = settings.ef_construction;
  return options;
}

absl::StatusOr<MadeSegment> MakeSegment(const Services& services, const SpaceIdentity& shard,
                                        const index::IndexOptions& options, const SegmentJob& job,
                                        const index::BuildProgress& progress, const Call& call) {
  index::SegmentBuildOptions build = BuildOptionsOf(job.settings);
  if (job.provisional) build.ef_construction = ProvisionalEf(build);
  build.range = RangeOf(job.inputs);
  build.threads = static_cast<uint32_t>(job.threads);
  build.seed = job.id;
  uint64_t rows = 0;
  for (const index::SegmentView& input : job.inputs) rows += input.live_rows();
  MadeSegment made;
  if (rows == 0) return made;
  const index::CompanionEstimate companions = index::EstimateCompanions(job.inputs);
  KITH_ASSIGN_OR_RETURN(made.memory, services.memory.ReserveForBuild(
                                         index::EstimateBuildBytes(options, build, rows) +
                                         index::EstimateResidentBytes(options, build, rows) +
                                         companions.build_bytes + companions.resident_bytes));

  const storage::SegmentFiles& files = services.store->segments();
  KITH_RETURN_IF_ERROR(files.Prepare(shard.shard));
  const index::SegmentPaths paths = PathsOf(files, shard, job.id);
  const std::string metadata_path =
      files.MetadataPath(shard.shard, shard.space, job.id, kFirstGeneration);
  auto remove_files = absl::MakeCleanup(
      [&] { files.Remove(shard.shard, shard.space, job.id, kFirstGeneration).IgnoreError(); });
  KITH_ASSIGN_OR_RETURN(auto graph, storage::AtomicFile::Create(paths.graph));
  KITH_ASSIGN_OR_RETURN(auto exact, storage::AtomicFile::Create(paths.rows));
  KITH_ASSIGN_OR_RETURN(auto terms, storage::AtomicFile::Create(paths.terms));
  KITH_ASSIGN_OR_RETURN(auto metadata, storage::AtomicFile::Create(metadata_path));
  KITH_ASSIGN_OR_RETURN(const index::SegmentBuilt built,
                        index::BuildSegment(options, job.inputs, build,
                                            {.graph = SinkOf(&graph),
                                             .rows = SinkOf(&exact),
                                             .terms = SinkOf(&terms),
                                             .metadata = SinkOf(&metadata)},
                                            call, progress));
  if (built.rows == 0) return made;
  for (storage::AtomicFile* file : {&exact, &terms, &metadata, &graph}) {
    KITH_RETURN_IF_ERROR(file->Commit());
  }
  // Opened as after a restart: what is on disk is what is searched.
  KITH_ASSIGN_OR_RETURN(made.segment, index::SealedSegment::Open(options, paths, call));
  KITH_ASSIGN_OR_RETURN(made.metadata,
                        index::SealedMetadata::Open(options, *made.segment, metadata_path, call));
  made.record = RecordOf(job, build.range, built);
  if (!IsRecordOf(made.record, *made.segment, *made.metadata)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} was read back as another segment than was written", paths.graph);
  }
  std::move(remove_files).Cancel();
  return made;
}

absl::StatusOr<MadeSegment> FoldSegment(const Services& services, const SpaceIdentity& shard,
                                        const index::IndexOptions& options,
                                        const index::SegmentView& view,
                                        const store::SegmentRecord& record, uint64_t sequence,
                                        const Call& call) {
  MadeSegment made;
  made.segment = view.sealed;
  made.record = record;
  made.record.set_metadata_generation(record.metadata_generation() + 1);
  made.record.set_metadata_at_sequence(sequence);
  KITH_ASSIGN_OR_RETURN(made.memory,
                        services.memory.ReserveForBuild(kFoldCopies * view.metadata.memory_bytes() +
                                                        kFoldRowBytes * view.visible));

  const storage::SegmentFiles& files = services.store->segments();
  const uint64_t generation = made.record.metadata_generation();
  const std::string path = files.MetadataPath(shard.shard, shard.space, record.id(), generation);
  auto remove_file = absl::MakeCleanup([&] {
    files.RemoveMetadata(shard.shard, shard.space, record.id(), generation).IgnoreError();
  });
  KITH_ASSIGN_OR_RETURN(auto file, storage::AtomicFile::Create(path));
  KITH_ASSIGN_OR_RETURN(const index::FileSummary written,
                        index::FoldSegmentMetadata(options, view, SinkOf(&file), call));
  KITH_RETURN_IF_ERROR(file.Commit());
  SetFile(written, made.record.mutable_metadata());
  KITH_ASSIGN_OR_RETURN(made.metadata,
                        index::SealedMetadata::Open(options, *view.sealed, path, call));
  if (!IsRecordOf(made.record, *made.segment, *made.metadata)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} was read back as another file than was written", path);
  }
  std::move(remove_file).Cancel();
  return made;
}

}  // namespace kith::engine
