// BuildSegment: makes one sealed segment of adjacent segments, growing or sealed: sealing is a
// build of one growing segment, merging one of several. Used by the engine's indexer, on threads of
// its own, while searches and writes go on: it works on immutable views.
//
//   graph = AtomicFile(...), rows = AtomicFile(...), ...;
//   KITH_ASSIGN_OR_RETURN(auto built, BuildSegment(views, {.range = {0, 8192}}, sinks, call));
//   ... commit the files, swap the manifest ...
//   KITH_ASSIGN_OR_RETURN(auto segment, SealedSegment::Open(options, paths, call));
//   KITH_ASSIGN_OR_RETURN(auto metadata, SealedMetadata::Open(options, *segment, path, call));
//   writer->Replace(views, std::move(segment), std::move(metadata));     // on the shard's strand
//
// FoldSegmentMetadata: the metadata of one sealed segment anew, with all updates since in it, as
// the next generation of that file alone.
//
// Thread-safe: builds share nothing.

#ifndef KITH_INDEX_SEGMENT_BUILD_H_
#define KITH_INDEX_SEGMENT_BUILD_H_

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/codes/code_kind.h"
#include "index/graph/graph_builder.h"
#include "index/index_view.h"
#include "index/sealed_segment.h"
#include "index/segment_file.h"
#include "kith/base/call.h"

namespace kith::index {

struct SegmentBuildOptions {
  // What the segment will answer for: holds all rows of the inputs, spans less than 2^32 ordinals.
  OrdinalRange range = {};
  CodeKind codes = CodeKind::kInt4;
  uint32_t m = 16;                 // links of a node on upper layers; twice as many on layer 0
  uint32_t ef_construction = 200;  // pool of a build's search: better graphs, longer builds
  uint32_t threads = 1;
  GraphBuilder builder = GraphBuilder::kKith;
  // Graphs of sealed inputs are merged rather than built anew, where that is as good
  // (graph/graph_merger.h).
  bool reuse_graphs = true;
  uint64_t seed = 0;  // of sampling: the same inputs and seed give the same sample
};

// Those of the companions are not needed where the index has none.
struct SegmentSinks {
  ByteSink graph;
  ByteSink rows;
  ByteSink terms = nullptr;
  ByteSink metadata = nullptr;
};

enum class BuildPhase : uint8_t { kRows, kCodes, kGraph, kRecall, kWrite };

// `done` of `total` rows of a phase. Called now and then from any of the build's threads, one at a
// time.
using BuildProgress = std::function<void(BuildPhase phase, uint64_t done, uint64_t total)>;

struct SegmentBuilt {
  uint32_t rows =
      0;  // 0: no input has a live row. Then nothing was written, and there is no segment
  bool merged = false;  // its graph, of graphs that were there
  FileSummary graph;
  FileSummary rows_file;
  FileSummary terms;
  FileSummary metadata;
};

// Takes the rows of `inputs` that are not deleted there. REQUIRES: inputs of one index, in
// ascending order of ordinals; their growing segments are full or closed, so that Replace finds
// them as they are. Errors: DATA_LOSS (CORRUPTION) when a sealed input turns out damaged, which
// flags it; RESOURCE_EXHAUSTED (MEMORY_BUDGET) when the system gives no memory; INVALID_ARGUMENT
// for options out of range; a sink's status; the call's status when it is cancelled.
absl::StatusOr<SegmentBuilt> BuildSegment(const IndexOptions& index,
                                          std::span<const SegmentView> inputs,
                                          const SegmentBuildOptions& options,
                                          const SegmentSinks& sinks, const Call& call,
                                          const BuildProgress& progress = nullptr);

// Writes the metadata of all rows of a sealed segment, as `segment` shows it. REQUIRES: an index
// with companions. Errors: a sink's status; the call's.
absl::StatusOr<FileSummary> FoldSegmentMetadata(const IndexOptions& index,
                                                const SegmentView& segment, const ByteSink& sink,
                                                const Call& call);

// What the companions of a build of `inputs` take: at the peak of the build, beside what
// EstimateBuildBytes says; and open, which is about the size of their files. On the safe side.
struct CompanionEstimate {
  uint64_t build_bytes = 0;
  uint64_t resident_bytes = 0;
};
CompanionEstimate EstimateCompanions(std::span<const SegmentView> inputs);

// Memory that a build of so many live rows takes at its peak, inputs not counted; that the sealed
// segment takes when it is open; and the bytes of both files. Estimates on the safe side, without
// companions.
uint64_t EstimateBuildBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                            uint64_t rows);
uint64_t EstimateResidentBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                               uint64_t rows);
uint64_t EstimateFileBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                           uint64_t rows);

}  // namespace kith::index

#endif  // KITH_INDEX_SEGMENT_BUILD_H_
