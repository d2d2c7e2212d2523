#include "index/sealed_segment.h"

#include <cmath>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "index/codes/code_query.h"
#include "index/sealed_parts.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr size_t kRowsPerCheck = 4096;

// What a section's own reader found wrong, with the file that it is in.
absl::Status InSection(absl::Status status, const SegmentFile& file,
                       const SegmentHeader::Section& section) {
  if (status.ok()) return status;
  const uint64_t begin = kHeaderBytes + section.offset;
  return FileDamage(file.path(), begin, begin + section.size, std::string(status.message()));
}

absl::Status ExpectOf(const SegmentFile& file, const IndexOptions& options) {
  const SegmentHeader& header = file.header();
  if (header.metric == options.metric && header.dimension == options.dimension) {
    return absl::OkStatus();
  }
  return FileDamage(
      file.path(), 0, kHeaderBytes,
      fmt::format("it has dimension {} and metric {}, its index {} and {}", header.dimension,
                  MetricName(header.metric), options.dimension, MetricName(options.metric)));
}

absl::Status ExpectPair(const SegmentFile& graph, const SegmentFile& rows) {
  const SegmentHeader& a = graph.header();
  const SegmentHeader& b = rows.header();
  if (a.rows == b.rows && a.range == b.range && a.rows_checksum == rows.summary().checksum) {
    return absl::OkStatus();
  }
  return FileDamage(graph.path(), 0, kHeaderBytes,
                    fmt::format("it was made for other rows than those of {}", rows.path()));
}

// Reads what the sections of a graph file hold. Everything in them was verified, and nothing of it
// is believed.
class Sections {
 public:
  Sections(const SegmentFile& file, std::span<const std::byte> body) : file_(file), body_(body) {}

  template <typename Parse>  // Parse(bytes) -> absl::Status
  absl::Status Read(SectionKind kind, const Parse& parse) const {
    const SegmentHeader::Section* section = file_.Find(kind);
    if (section == nullptr) {
      return FileDamage(file_.path(), 0, kHeaderBytes,
                        fmt::format("section {} is missing", static_cast<uint32_t>(kind)));
    }
    return InSection(parse(body_.subspan(section->offset, section->size)), file_, *section);
  }

  bool Has(SectionKind kind) const { return file_.Find(kind) != nullptr; }

  std::span<const std::byte> Bytes(SectionKind kind) const {
    const SegmentHeader::Section* section = file_.Find(kind);
    return section == nullptr ? body_.first(0) : body_.subspan(section->offset, section->size);
  }

 private:
  const SegmentFile& file_;
  const std::span<const std::byte> body_;
};

absl::Status Damaged(const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{}", what);
}

// Codes of whole numbers may hold any bits; those that hold floats must not give a distance that
// has no order. scan(first, count, distances) gives the distances of some query.
template <typename Scan>
absl::Status CheckDistances(size_t rows, const char* what, const Call& call, const Scan& scan) {
  std::vector<float> distances(kRowsPerCheck);
  for (size_t first = 0; first < rows; first += kRowsPerCheck) {
    KITH_RETURN_IF_ERROR(call.Check());
    const size_t count = std::min(kRowsPerCheck, rows - first);
    scan(first, count, distances.data());
    for (size_t i = 0; i < count; ++i) {
      if (!std::isfinite(distances[i])) {
        return Damaged(fmt::format("the {} {} are not numbers", what, first + i));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCodes(const CodedRows& coded, const Kernels& kernels, const Call& call) {
  const CodeBook& book = *coded.book;
  const bool has_floats = book.kind() == CodeKind::kF16 || book.kind() == CodeKind::kF32 ||
                          book.metric() == Metric::kL2;
  if (!has_floats) return absl::OkStatus();
  const std::vector<float> ones(book.dimension(), 1.0f);
  CodeQuery query;
  query.Prepare(book, ones.data(), kernels);
  return CheckDistances(
      coded.rows(), "codes of node", call, [&](size_t first, size_t n, float* to) {
        query.Scan(coded.codes + first * book.row_bytes(), book.row_bytes(), n, to);
      });
}

// Sketches are not in every segment.
absl::Status OpenSketches(const IndexOptions& options, const Sections& sections, uint32_t rows,
                          const Call& call, SealedSegment::Parts& parts) {
  if (!sections.Has(SectionKind::kSketchBook)) return absl::OkStatus();
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kSketchBook, [&](auto bytes) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(
        parts.sketch_book,
        SketchBook::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    const SketchBook& book = *parts.sketch_book;
    if (book.metric() == options.metric && book.dimension() == options.dimension) {
      return absl::OkStatus();
    }
    return Damaged(fmt::format("a sketch book of dimension {} and metric {}", book.dimension(),
                               MetricName(book.metric())));
  }));
  return sections.Read(SectionKind::kSketches, [&](auto bytes) -> absl::Status {
    if (bytes.size() != size_t{rows} * SketchBook::RowBytes()) {
      return Damaged(fmt::format("{} bytes of sketches for {} rows", bytes.size(), rows));
    }
    parts.sketches = bytes.data();
    const std::vector<float> ones(options.dimension, 1.0f);
    SketchQuery query;
    query.Prepare(*parts.sketch_book, ones.data(), *options.kernels);
    return CheckDistances(rows, "sketch of slot", call, [&](size_t first, size_t n, float* to) {
      query.Scan(parts.sketches + first * SketchBook::RowBytes(), n, to);
    });
  });
}

absl::Status OpenTerms(const IndexOptions& options, const CompanionOf& of, const Call& call,
                       SealedSegment::Parts& parts) {
  CompanionFile& file = parts.terms_file;
  KITH_ASSIGN_OR_RETURN(file,
                        CompanionFile::Read(parts.paths.terms, SegmentFileKind::kTerms, of, call));
  auto terms = TermIndex::Parse(file.image());
  if (!terms.ok()) return file.InImage(terms.status());
  if (terms->rows() != of.rows) {
    return file.InImage(Damaged(fmt::format("terms of {} rows for {}", terms->rows(), of.rows)));
  }
  if (terms->analyser() != options.analyser) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "{} has terms of the analyser '{}', the index has those of '{}'", file.path(),
                 terms->analyser(), options.analyser)
        .With("file", file.path());
  }
  parts.terms = *std::move(terms);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SealedSegment>> SealedSegment::Open(
    const IndexOptions& options, const SegmentPaths& paths, const Call& call) {
  KITH_ASSIGN_OR_RETURN(SegmentFile file, SegmentFile::Open(paths.graph, SegmentFileKind::kGraph));
  KITH_ASSIGN_OR_RETURN(SegmentFile rows, SegmentFile::Open(paths.rows, SegmentFileKind::kRows));
  KITH_RETURN_IF_ERROR(ExpectOf(file, options));
  KITH_RETURN_IF_ERROR(ExpectOf(rows, options));
  KITH_RETURN_IF_ERROR(ExpectPair(file, rows));

  auto parts = std::make_unique<Parts>();
  parts->paths = paths;
  parts->graph_file = file.summary();
  parts->range = file.header().range;
  KITH_ASSIGN_OR_RETURN(parts->body, HugeMemory::Allocate(file.body_bytes()));
  KITH_RETURN_IF_ERROR(file.ReadBody(parts->body.bytes(), call));
  KITH_ASSIGN_OR_RETURN(parts->exact, ExactRows::Map(std::move(rows)));

  const uint32_t count = file.header().rows;
  const Sections sections(file, std::as_const(parts->body).bytes());
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kOrdinals, [&](auto bytes) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(
        parts->slots, SlotTable::Over(parts->range, bytes, sections.Bytes(SectionKind::kPassages)));
    if (parts->slots.size() == count) return absl::OkStatus();
    return Damaged(fmt::format("{} ordinals of {} rows", parts->slots.size(), count));
  }));
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kRecall, [&](auto bytes) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(parts->curve, RecallCurve::Parse(bytes));
    if (parts->curve.data().rows == count) return absl::OkStatus();
    return Damaged(fmt::format("a curve of {} rows for {}", parts->curve.data().rows, count));
  }));
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kGraph, [&](auto bytes) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(parts->graph, Graph::Parse(bytes));
    if (parts->graph.nodes() == count) return absl::OkStatus();
    return Damaged(fmt::format("a graph of {} nodes for {} rows", parts->graph.nodes(), count));
  }));
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kCodeBook, [&](auto bytes) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(
        parts->book, CodeBook::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    const CodeBook& book = *parts->book;
    if (book.metric() == options.metric && book.dimension() == options.dimension) {
      return absl::OkStatus();
    }
    return Damaged(fmt::format("a code book of dimension {} and metric {}", book.dimension(),
                               MetricName(book.metric())));
  }));
  KITH_RETURN_IF_ERROR(sections.Read(SectionKind::kCodes, [&](auto bytes) -> absl::Status {
    if (bytes.size() != count * parts->book->row_bytes()) {
      return Damaged(fmt::format("{} bytes of codes for {} rows of {} bytes", bytes.size(), count,
                                 parts->book->row_bytes()));
    }
    parts->codes = bytes.data();
    return CheckCodes(parts->coded(), *options.kernels, call);
  }));
  KITH_RETURN_IF_ERROR(OpenSketches(options, sections, count, call, *parts));
  if (options.companions) {
    const CompanionOf of = {.metric = options.metric,
                            .dimension = options.dimension,
                            .rows = count,
                            .range = parts->range,
                            .rows_checksum = parts->exact->file().summary().checksum};
    KITH_RETURN_IF_ERROR(OpenTerms(options, of, call, *parts));
  }
  const std::span<const uint32_t> slots = parts->graph.slot_of_node();
  parts->node_of_slot.resize(slots.size());
  for (uint32_t node = 0; node < slots.size(); ++node) parts->node_of_slot[slots[node]] = node;
  return std::shared_ptr<const SealedSegment>(new SealedSegment(std::move(parts)));
}

SealedSegment::SealedSegment(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SealedSegment::~SealedSegment() = default;

uint32_t SealedSegment::rows() const { return parts_->slots.size(); }
OrdinalRange SealedSegment::range() const { return parts_->range; }
uint64_t SealedSegment::Ordinal(uint32_t slot) const { return parts_->slots.Ordinal(slot); }
uint32_t SealedSegment::PassageIndex(uint32_t slot) const {
  return parts_->slots.PassageIndex(slot);
}
uint32_t SealedSegment::LowerBound(uint64_t ordinal) const {
  return parts_->slots.LowerBound(ordinal);
}

size_t SealedSegment::memory_bytes() const {
  return sizeof(*this) + sizeof(Parts) + parts_->body.size_bytes() +
         parts_->node_of_slot.size() * sizeof(uint32_t) + parts_->exact->memory_bytes() +
         parts_->terms_file.memory_bytes();
}
const SegmentPaths& SealedSegment::paths() const { return parts_->paths; }
FileSummary SealedSegment::graph_file() const { return parts_->graph_file; }
FileSummary SealedSegment::rows_file() const { return parts_->exact->file().summary(); }
FileSummary SealedSegment::terms_file() const { return parts_->terms_file.summary(); }
const TermIndex* SealedSegment::terms() const { return parts_->terms ? &*parts_->terms : nullptr; }
CodeKind SealedSegment::codes() const { return parts_->book->kind(); }
const RecallCurve& SealedSegment::curve() const { return parts_->curve; }

bool SealedSegment::damaged() const {
  return parts_->resident_damaged.load(std::memory_order_relaxed) || parts_->exact->damaged();
}

absl::Status SealedSegment::VerifyAll(const Call& call) const {
  const auto verify = [&]() -> absl::Status {
    KITH_ASSIGN_OR_RETURN(const SegmentFile file,
                          SegmentFile::Open(parts_->paths.graph, SegmentFileKind::kGraph));
    if (file.summary() != parts_->graph_file) {
      return FileDamage(file.path(), 0, kHeaderBytes, "it is not the file that was opened");
    }
    KITH_RETURN_IF_ERROR(file.ReadBody({}, call));
    return parts_->terms ? parts_->terms_file.Verify(call) : absl::OkStatus();
  };
  const absl::Status resident = verify();
  if (IsDamage(resident)) parts_->resident_damaged.store(true, std::memory_order_relaxed);
  KITH_RETURN_IF_ERROR(resident);
  return parts_->exact->VerifyAll(call);
}

}  // namespace kith::index
