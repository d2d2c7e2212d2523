// The order of a build: rows file -> terms, metadata -> code book -> build codes -> graph -> codes
// in the graph's order -> recall curve -> graph file. The rows themselves stay where they are, in
// the inputs; what the build holds of them is a pointer each.

#include "index/segment_build.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/codes/build_codes.h"
#include "index/codes/code_book.h"
#include "index/codes/sketch_book.h"
#include "index/companion_build.h"
#include "index/companion_file.h"
#include "index/exact_rows.h"
#include "index/graph/graph_merger.h"
#include "index/huge_memory.h"
#include "index/metadata/fold_metadata.h"
#include "index/parallel.h"
#include "index/recall_sampling.h"
#include "index/sealed_parts.h"
#include "index/sketch_sampling.h"
#include "index/slot_table.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// Smaller segments are scanned by their codes quickly enough.
constexpr uint64_t kLeastSketched = 4096;

bool HasSketches(const IndexOptions& index, const SegmentBuildOptions& options, uint64_t rows) {
  return rows >= kLeastSketched &&
         SketchBook::IsOf(index.metric, index.dimension,
                          CodeBook::RowBytes(options.codes, index.metric, index.dimension));
}

constexpr uint32_t kMaxThreads = 256;
constexpr uint32_t kRowsAtOnce = 1024;  // that a thread encodes; and between two looks at the call

// Graphs are merged by walks whose pool is so many times what finds this share of the ten best.
constexpr double kWalkRecall = 0.95;
constexpr uint32_t kPoolFactor = 2;
constexpr size_t kTenBest = 1;
static_assert(RecallCurve::kRanks[kTenBest] == 10);

std::string_view AsChars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

GraphOptions GraphOptionsOf(const SegmentBuildOptions& options) {
  return {.m = options.m,
          .ef_construction = options.ef_construction,
          .threads = options.threads,
          .builder = options.builder};
}

class Build {
 public:
  Build(const IndexOptions& index, std::span<const SegmentView> inputs,
        const SegmentBuildOptions& options, const SegmentSinks& sinks, const Call& call,
        const BuildProgress& progress)
      : index_(index),
        inputs_(inputs),
        options_(options),
        sinks_(sinks),
        call_(call),
        progress_(progress),
        slots_(options.range) {}

  absl::StatusOr<SegmentBuilt> Run();

 private:
  absl::Status CheckOptions() const;
  absl::Status CollectRows();
  absl::Status Collect(const SegmentView& input);
  absl::Status WriteRows();
  absl::Status WriteCompanions();
  absl::Status MakeGraph();
  uint32_t MergePool(const GraphOptions& options) const;
  absl::Status EncodeRows();
  absl::Status MeasureRecall();
  absl::Status MakeSketches();
  absl::Status WriteGraph();

  SegmentHeader Header(SegmentFileKind kind) const;
  std::vector<const float*> SampleRows() const;
  // Calls body(i) for each row, on all threads.
  absl::Status ForEachRow(BuildPhase phase, const std::function<void(uint32_t i)>& body);
  void Report(BuildPhase phase, uint64_t done, uint64_t total) const {
    if (progress_) progress_(phase, done, total);
  }

  const IndexOptions& index_;
  const std::span<const SegmentView> inputs_;
  const SegmentBuildOptions options_;
  const SegmentSinks& sinks_;
  const Call& call_;
  const BuildProgress& progress_;

  std::vector<ExactRow> rows_;                       // by slot; they point into the inputs
  std::vector<GraphPart> parts_;                     // of sealed inputs
  std::vector<std::vector<uint32_t>> row_of_slots_;  // that they point to
  SlotTableMaker slots_;
  std::optional<CodeBook> book_;
  BuiltGraph graph_;
  HugeMemory codes_;
  RecallCurve curve_;
  std::optional<SketchBook> sketch_book_;
  HugeMemory sketches_;
  SegmentBuilt built_;
};

absl::StatusOr<SegmentBuilt> Build::Run() {
  KITH_RETURN_IF_ERROR(CheckOptions());
  KITH_RETURN_IF_ERROR(CollectRows());
  if (rows_.empty()) return built_;
  KITH_RETURN_IF_ERROR(WriteRows());
  if (index_.companions) KITH_RETURN_IF_ERROR(WriteCompanions());
  KITH_RETURN_IF_ERROR(MakeGraph());
  KITH_RETURN_IF_ERROR(EncodeRows());
  KITH_RETURN_IF_ERROR(MeasureRecall());
  KITH_RETURN_IF_ERROR(MakeSketches());
  KITH_RETURN_IF_ERROR(WriteGraph());
  built_.rows = static_cast<uint32_t>(rows_.size());
  return built_;
}

absl::Status Build::CheckOptions() const {
  const OrdinalRange& range = options_.range;
  if (range.begin >= range.end || range.end - range.begin > uint64_t{1} << 32) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "a segment answers for 1 to 2^32 ordinals, not for {}..{}", range.begin,
                           range.end);
  }
  for (const SegmentView& input : inputs_) {
    if (!range.Contains(input.first_ordinal()) || !range.Contains(input.last_ordinal())) {
      return InvalidArgument(reason::kLimitOutOfRange,
                             "rows {}..{} are not in the segment's range {}..{}",
                             input.first_ordinal(), input.last_ordinal(), range.begin, range.end);
    }
  }
  if (options_.threads < 1 || options_.threads > kMaxThreads) {
    return InvalidArgument(reason::kLimitOutOfRange, "a build has 1 to {} threads, not {}",
                           kMaxThreads, options_.threads);
  }
  return absl::OkStatus();
}

absl::Status Build::CollectRows() {
  uint64_t live = 0;
  for (const SegmentView& input : inputs_) live += input.live_rows();
  if (live > Graph::kMaxNodes) {
    return InvalidArgument(reason::kLimitOutOfRange, "a segment has at most {} rows, not {}",
                           Graph::kMaxNodes, live);
  }
  rows_.reserve(live);
  row_of_slots_.reserve(inputs_.size());
  for (const SegmentView& input : inputs_) KITH_RETURN_IF_ERROR(Collect(input));
  return absl::OkStatus();
}

absl::Status Build::Collect(const SegmentView& input) {
  uint32_t* row_of_slot = nullptr;
  if (input.sealed != nullptr && options_.reuse_graphs) {
    std::vector<uint32_t>& rows = row_of_slots_.emplace_back(input.visible, GraphPart::kDead);
    parts_.push_back({&input.sealed->parts().graph, rows});
    row_of_slot = rows.data();
  }
  for (uint32_t slot = 0; slot < input.visible; ++slot) {
    if (slot % kRowsAtOnce == 0) KITH_RETURN_IF_ERROR(call_.Check());
    if (input.deleted.Contains(slot)) continue;
    if (row_of_slot != nullptr) row_of_slot[slot] = static_cast<uint32_t>(rows_.size());
    ExactRow row;
    if (input.sealed != nullptr) {
      const ExactRows& exact = *input.sealed->parts().exact;
      row = exact.Row(slot);
      if (row.values == nullptr) return exact.DamageOf(slot);
    } else {
      row = {input.growing->Exact(slot), input.growing->Info(slot).norm};
    }
    slots_.Add(input.Ordinal(slot), input.PassageIndex(slot));
    rows_.push_back(row);
  }
  return absl::OkStatus();
}

SegmentHeader Build::Header(SegmentFileKind kind) const {
  return {.kind = kind,
          .metric = index_.metric,
          .dimension = index_.dimension,
          .rows = static_cast<uint32_t>(rows_.size()),
          .range = options_.range,
          .rows_checksum = kind == SegmentFileKind::kGraph ? built_.rows_file.checksum : 0,
          .sections = {}};
}

absl::Status Build::WriteRows() {
  SegmentFileWriter writer(sinks_.rows);
  SegmentHeader header = Header(SegmentFileKind::kRows);
  const size_t row_bytes = ExactRows::RowBytes(index_.metric, index_.dimension);
  const size_t norm_bytes = ExactRows::NormBytes(index_.metric);
  header.sections = {{SectionKind::kExactRows, 0, rows_.size() * row_bytes}};
  KITH_RETURN_IF_ERROR(writer.Begin(std::move(header)));
  std::string bytes(row_bytes, '\0');
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (i % kRowsAtOnce == 0) {
      KITH_RETURN_IF_ERROR(call_.Check());
      Report(BuildPhase::kRows, i, rows_.size());
    }
    std::memcpy(bytes.data(), &rows_[i].norm, norm_bytes);
    std::memcpy(bytes.data() + norm_bytes, rows_[i].values, row_bytes - norm_bytes);
    KITH_RETURN_IF_ERROR(writer.Append(bytes));
  }
  KITH_ASSIGN_OR_RETURN(built_.rows_file, writer.Finish());
  return absl::OkStatus();
}

absl::Status Build::WriteCompanions() {
  const CompanionOf of = {.metric = index_.metric,
                          .dimension = index_.dimension,
                          .rows = static_cast<uint32_t>(rows_.size()),
                          .range = options_.range,
                          .rows_checksum = built_.rows_file.checksum};
  // One image at a time.
  const auto write = [&](SegmentFileKind kind, absl::StatusOr<std::string> image,
                         const ByteSink& sink) -> absl::StatusOr<FileSummary> {
    KITH_RETURN_IF_ERROR(image.status());
    return WriteCompanion(kind, of, *image, sink, call_);
  };
  KITH_ASSIGN_OR_RETURN(built_.terms, write(SegmentFileKind::kTerms,
                                            BuildTermImage(index_, inputs_, call_), sinks_.terms));
  KITH_ASSIGN_OR_RETURN(
      built_.metadata,
      write(SegmentFileKind::kMetadata, BuildMetadataImage(inputs_, call_), sinks_.metadata));
  return absl::OkStatus();
}

std::vector<const float*> Build::SampleRows() const {
  const size_t count = std::min(rows_.size(), CodeBook::kMaxSample);
  std::vector<const float*> sample(count);
  for (size_t i = 0; i < count; ++i) sample[i] = rows_[i * rows_.size() / count].values;
  return sample;
}

absl::Status Build::ForEachRow(BuildPhase phase, const std::function<void(uint32_t i)>& body) {
  const size_t portions = (rows_.size() + kRowsAtOnce - 1) / kRowsAtOnce;
  return ParallelFor(options_.threads, portions,
                     [&](uint32_t worker, size_t portion) -> absl::Status {
                       KITH_RETURN_IF_ERROR(call_.Check());
                       const size_t begin = portion * kRowsAtOnce;
                       if (worker == 0) Report(phase, begin, rows_.size());
                       const size_t end = std::min(begin + kRowsAtOnce, rows_.size());
                       for (size_t i = begin; i < end; ++i) body(static_cast<uint32_t>(i));
                       return absl::OkStatus();
                     });
}

absl::Status Build::MakeGraph() {
  const std::vector<const float*> sample = SampleRows();
  const BuildCoder coder(index_.metric, index_.dimension, sample, *index_.kernels);
  KITH_ASSIGN_OR_RETURN(HugeMemory codes, HugeMemory::Allocate(rows_.size() * coder.row_bytes()));
  KITH_RETURN_IF_ERROR(ForEachRow(BuildPhase::kCodes, [&](uint32_t i) {
    coder.Encode(rows_[i].values, codes.data() + i * coder.row_bytes());
  }));
  const BuildRows rows = {&coder, codes.data(), static_cast<uint32_t>(rows_.size())};
  const GraphOptions options = GraphOptionsOf(options_);
  const auto progress = [this](uint64_t done, uint64_t total) {
    Report(BuildPhase::kGraph, done, total);
  };
  const uint32_t pool = MergePool(options);
  built_.merged = pool > 0 && IsMergeable(rows.count, parts_, options);
  KITH_ASSIGN_OR_RETURN(graph_, built_.merged
                                    ? MergeGraphs(rows, parts_, options, pool, call_, progress)
                                    : BuildGraph(rows, options, call_, progress));
  return absl::OkStatus();
}

// Of the short walks that merge the inputs' graphs, by what the largest of them was found to need;
// 0 where walks find so little that merging is no better than building. Without structure it is.
uint32_t Build::MergePool(const GraphOptions& options) const {
  const RecallCurve::Data* largest = nullptr;
  for (const SegmentView& input : inputs_) {
    if (input.sealed == nullptr) continue;
    const RecallCurve::Data& data = input.sealed->curve().data();
    if (largest == nullptr || data.rows > largest->rows) largest = &data;
  }
  const uint32_t pool = ShortPool(options);
  // A single row has no curve.
  if (largest == nullptr || largest->walks.empty()) return pool;
  for (const RecallCurve::Walk& walk : largest->walks) {
    if (walk.points[kTenBest].back().recall < kWalkRecall) continue;
    const uint32_t wanted = std::max(pool, kPoolFactor * walk.ef);
    return wanted > std::max(pool, options.ef_construction / 2) ? 0 : wanted;
  }
  return 0;
}

absl::Status Build::EncodeRows() {
  book_ = CodeBook::Learn(options_.codes, index_.metric, index_.dimension, SampleRows(),
                          *index_.kernels);
  KITH_ASSIGN_OR_RETURN(codes_, HugeMemory::Allocate(rows_.size() * book_->row_bytes()));
  return ForEachRow(BuildPhase::kCodes, [&](uint32_t node) {
    book_->Encode(rows_[graph_.graph.slot(node)].values, codes_.data() + node * book_->row_bytes());
  });
}

absl::Status Build::MeasureRecall() {
  const SamplingInput input = {.options = index_,
                               .coded = {&graph_.graph, &*book_, codes_.data()},
                               .rows = rows_,
                               .threads = options_.threads,
                               .seed = options_.seed};
  KITH_ASSIGN_OR_RETURN(curve_,
                        MeasureRecallCurve(input, call_, [this](uint64_t done, uint64_t total) {
                          Report(BuildPhase::kRecall, done, total);
                        }));
  return absl::OkStatus();
}

absl::Status Build::MakeSketches() {
  if (!HasSketches(index_, options_, rows_.size())) return absl::OkStatus();
  sketch_book_ = SketchBook::Learn(index_.metric, index_.dimension, SampleRows(), *index_.kernels);
  KITH_ASSIGN_OR_RETURN(sketches_, HugeMemory::Allocate(rows_.size() * SketchBook::RowBytes()));
  KITH_RETURN_IF_ERROR(ForEachRow(BuildPhase::kCodes, [&](uint32_t slot) {
    sketch_book_->Encode(rows_[slot].values, sketches_.data() + slot * SketchBook::RowBytes());
  }));
  std::vector<uint32_t> node_of_slot(rows_.size());
  for (uint32_t node = 0; node < rows_.size(); ++node) {
    node_of_slot[graph_.graph.slot(node)] = node;
  }
  const SketchScan::Rows rows = {.coded = {&graph_.graph, &*book_, codes_.data()},
                                 .node_of_slot = node_of_slot,
                                 .book = &*sketch_book_,
                                 .sketches = sketches_.data()};
  KITH_ASSIGN_OR_RETURN(const std::optional<SketchBook::Costs> costs,
                        MeasureSketches(rows, SampleRows(), *index_.kernels, call_));
  if (costs.has_value()) {
    sketch_book_->SetCosts(*costs);
  } else {
    sketch_book_.reset();
    sketches_ = {};
  }
  return absl::OkStatus();
}

absl::Status Build::WriteGraph() {
  const std::string book = book_->Serialize();
  const std::string curve = curve_.Serialize();
  const std::string ordinals = slots_.Offsets();
  const std::string passages = slots_.Passages();
  const std::string_view graph =
      AsChars(std::as_const(graph_.image).bytes().first(graph_.graph.size_bytes()));
  const std::string_view codes = AsChars(std::as_const(codes_).bytes());
  std::vector<std::pair<SectionKind, std::string_view>> sections = {
      {SectionKind::kCodeBook, book},     {SectionKind::kRecall, curve},
      {SectionKind::kOrdinals, ordinals}, {SectionKind::kPassages, passages},
      {SectionKind::kGraph, graph},       {SectionKind::kCodes, codes}};
  const std::string sketch_book = sketch_book_ ? sketch_book_->Serialize() : "";
  if (sketch_book_) {
    sections.emplace_back(SectionKind::kSketchBook, sketch_book);
    sections.emplace_back(SectionKind::kSketches, AsChars(std::as_const(sketches_).bytes()));
  }
  SegmentFileWriter writer(sinks_.graph);
  SegmentHeader header = Header(SegmentFileKind::kGraph);
  for (const auto& [kind, bytes] : sections) header.sections.push_back({kind, 0, bytes.size()});
  KITH_RETURN_IF_ERROR(writer.Begin(std::move(header)));
  Report(BuildPhase::kWrite, 0, rows_.size());
  for (const auto& [kind, bytes] : sections) {
    KITH_RETURN_IF_ERROR(call_.Check());
    KITH_RETURN_IF_ERROR(writer.Append(bytes));
  }
  KITH_ASSIGN_OR_RETURN(built_.graph, writer.Finish());
  Report(BuildPhase::kWrite, rows_.size(), rows_.size());
  return absl::OkStatus();
}

constexpr uint64_t kFixedBytes = uint64_t{4} << 20;  // books, curves, scratch of threads
constexpr uint64_t kSlotBytes = 8;                   // an ordinal and a passage number, at most
constexpr uint64_t kNodeOfSlotBytes = 4;             // in memory alone

}  // namespace

absl::StatusOr<SegmentBuilt> BuildSegment(const IndexOptions& index,
                                          std::span<const SegmentView> inputs,
                                          const SegmentBuildOptions& options,
                                          const SegmentSinks& sinks, const Call& call,
                                          const BuildProgress& progress) {
  return Build(index, inputs, options, sinks, call, progress).Run();
}

absl::StatusOr<FileSummary> FoldSegmentMetadata(const IndexOptions& index,
                                                const SegmentView& segment, const ByteSink& sink,
                                                const Call& call) {
  const MetadataSource all[] = {{&segment.metadata, segment.visible}};
  KITH_ASSIGN_OR_RETURN(const std::string image, FoldMetadata(all, call));
  const CompanionOf of = {.metric = index.metric,
                          .dimension = index.dimension,
                          .rows = segment.visible,
                          .range = segment.sealed->range(),
                          .rows_checksum = segment.sealed->rows_file().checksum};
  return WriteCompanion(SegmentFileKind::kMetadata, of, image, sink, call);
}

uint64_t EstimateBuildBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                            uint64_t rows) {
  // A pointer and a norm, and what the slots are made of, twice while they are put together; and
  // what became of the slots of the inputs.
  const uint64_t kept = rows * (sizeof(ExactRow) + 2 * kSlotBytes + sizeof(uint32_t));
  const uint64_t build_row = (index.dimension + 31) / 32 * 32 + 32;  // see BuildCoder::row_bytes
  const uint64_t graph =
      rows * build_row + EstimateGraphBuildBytes(rows, build_row, GraphOptionsOf(options));
  const uint64_t sketched =
      HasSketches(index, options, rows) ? rows * (SketchBook::RowBytes() + kNodeOfSlotBytes) : 0;
  const uint64_t codes = EstimateGraphBytes(rows, options.m) + sketched +
                         rows * CodeBook::RowBytes(options.codes, index.metric, index.dimension) +
                         options.threads * rows * sizeof(uint32_t);  // visited marks of walks
  return kept + std::max(graph, codes) + kFixedBytes;
}

uint64_t EstimateResidentBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                               uint64_t rows) {
  const uint64_t checksums =
      rows * ExactRows::RowBytes(index.metric, index.dimension) / kBlockBytes * 9;
  const uint64_t sketches =
      HasSketches(index, options, rows)
          ? rows * SketchBook::RowBytes() + SketchBook::BookBytes(index.dimension)
          : 0;
  return EstimateGraphBytes(rows, options.m) + sketches +
         rows * (CodeBook::RowBytes(options.codes, index.metric, index.dimension) + kSlotBytes +
                 kNodeOfSlotBytes) +
         checksums + kHeaderBytes * index.dimension / 128 + kHeaderBytes * 8;
}

uint64_t EstimateFileBytes(const IndexOptions& index, const SegmentBuildOptions& options,
                           uint64_t rows) {
  return EstimateResidentBytes(index, options, rows) +
         rows * ExactRows::RowBytes(index.metric, index.dimension) + 2 * kHeaderBytes;
}

}  // namespace kith::index
