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
  SetFile(built.graph, record.mutable_graph());
  SetFile(built.rows_file, record.mutable_rows_file());
  return record;
}

}  // namespace

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

absl::StatusOr<MadeSegment> MakeSegment(const Services& services, const ShardIdentity& shard,
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
  KITH_ASSIGN_OR_RETURN(made.memory, services.memory.ReserveForBuild(
                                         index::EstimateBuildBytes(options, build, rows) +
                                         index::EstimateResidentBytes(options, build, rows)));

  const storage::SegmentFiles& files = services.store->segments();
  KITH_RETURN_IF_ERROR(files.Prepare(shard.shard));
  const index::SegmentPaths paths{files.GraphPath(shard.shard, kSpace, job.id),
                                  files.RowsPath(shard.shard, kSpace, job.id)};
  auto remove_files =
      absl::MakeCleanup([&] { files.Remove(shard.shard, kSpace, job.id, 1).IgnoreError(); });
  KITH_ASSIGN_OR_RETURN(auto graph, storage::AtomicFile::Create(paths.graph));
  KITH_ASSIGN_OR_RETURN(auto exact, storage::AtomicFile::Create(paths.rows));
  KITH_ASSIGN_OR_RETURN(
      const index::SegmentBuilt built,
      index::BuildSegment(options, job.inputs, build,
                          {.graph = [&](std::string_view bytes) { return graph.Append(bytes); },
                           .rows = [&](std::string_view bytes) { return exact.Append(bytes); }},
                          call, progress));
  if (built.rows == 0) return made;
  KITH_RETURN_IF_ERROR(exact.Commit());
  KITH_RETURN_IF_ERROR(graph.Commit());
  // Opened as after a restart: what is on disk is what is searched.
  KITH_ASSIGN_OR_RETURN(made.segment, index::SealedSegment::Open(options, paths, call));
  made.record = RecordOf(job, build.range, built);
  if (!IsRecordOf(made.record, *made.segment)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} was read back as another segment than was written", paths.graph);
  }
  std::move(remove_files).Cancel();
  return made;
}

}  // namespace kith::engine
