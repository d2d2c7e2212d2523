// What a SealedSegment is made of, for those parts of index/ that search and merge it.

#ifndef KITH_INDEX_SEALED_PARTS_H_
#define KITH_INDEX_SEALED_PARTS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "index/codes/code_book.h"
#include "index/codes/sketch_book.h"
#include "index/companion_file.h"
#include "index/exact_rows.h"
#include "index/graph/graph.h"
#include "index/huge_memory.h"
#include "index/index_options.h"
#include "index/recall_curve.h"
#include "index/sealed_segment.h"
#include "index/slot_table.h"
#include "index/terms/term_index.h"

namespace kith::index {

// The coded rows of a segment in the order of its graph, and what leads from there to slots. A
// view.
struct CodedRows {
  const Graph* graph = nullptr;
  const CodeBook* book = nullptr;
  const std::byte* codes = nullptr;  // node n at codes + n * book->row_bytes()

  uint32_t rows() const { return graph->nodes(); }
};

struct SealedSegment::Parts {
  SegmentPaths paths;
  FileSummary graph_file;
  OrdinalRange range;
  HugeMemory body;  // of the graph file; what follows lies in it
  SlotTable slots;
  Graph graph;
  const std::byte* codes = nullptr;
  std::optional<CodeBook> book;
  RecallCurve curve;
  std::unique_ptr<ExactRows> exact;
  // graph.slot_of_node() the other way round, for filters, which know slots: 4 bytes a row.
  std::vector<uint32_t> node_of_slot;
  std::optional<SketchBook> sketch_book;  // nothing: the segment has no sketches
  const std::byte* sketches = nullptr;    // in `body`, by slot
  CompanionFile terms_file;
  std::optional<TermIndex> terms;  // in it; nothing where the index has no companions
  // The graph file or the terms failed a scrub. Relaxed: publishes nothing but itself.
  mutable std::atomic<bool> resident_damaged{false};

  CodedRows coded() const { return {&graph, &*book, codes}; }
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_PARTS_H_
