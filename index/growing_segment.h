// GrowingSegment: the newest rows of a vector space, append-only, scanned by code and rescored
// exactly. Made and filled by IndexWriter, read by searches through IndexView.
//
// Each row has the exact float32 vector as given, a copy in signed 8-bit codes with a scale of its
// own, and a RowInfo that bounds how far the copy is off. Memory comes in chunks of rising size, so
// that a segment of a few rows stays within 64 KiB; a chunk never moves, so a reader needs no lock:
//
//   rows   0..c | c..2c | 2c..4c | ... | M..2M | 2M..3M | ...      (c and M are powers of two)
//   a chunk:  exact rows, 64-byte aligned | codes | RowInfo
//
// Threads: one writer at a time (Reserve, Append, size). Readers, any number, touch only rows below
// a length that the writer handed them by something that orders memory (a View behind an atomic
// pointer); such rows never change again.

#ifndef KITH_INDEX_GROWING_SEGMENT_H_
#define KITH_INDEX_GROWING_SEGMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "index/metric.h"

namespace kith::index {

// What a row is, beside its vector. With x the vector, c its codes and s the scale of them, r = x -
// s c:
struct RowInfo {
  uint64_t ordinal;
  double scale;            // cosine: s / |x|;   dot, l2: s
  double residual;         // an upper bound of: cosine: |r| / |x|;   dot, l2: |r|
  double norm;             // cosine: 1 / |x|;   dot: |x|;   l2: |s c|^2
  uint32_t passage_index;  // its number inside its document

  // Names the document without a string: a document's passages have contiguous ordinals.
  uint64_t document() const { return ordinal - passage_index; }
};

class GrowingSegment {
 public:
  static constexpr size_t kMaxRows = 8192;
  static constexpr size_t kMaxExactBytes = size_t{16} << 20;

  // Rows [first, first + count) of one chunk: what a scan takes at a time.
  struct Run {
    uint32_t first;
    uint32_t count;
    const float* exact;   // [count][exact_stride]
    const int8_t* codes;  // [count][code_stride]
    const RowInfo* info;  // [count]
  };

  // REQUIRES: 1 <= dimension <= kMaxDimension. Takes no memory for rows yet.
  GrowingSegment(Metric metric, uint32_t dimension);
  ~GrowingSegment();
  GrowingSegment(const GrowingSegment&) = delete;
  GrowingSegment& operator=(const GrowingSegment&) = delete;

  // --- The writer's side.

  // How many bytes Reserve(rows) would take now. REQUIRES: size() + rows <= capacity().
  size_t BytesToReserve(uint32_t rows) const;

  // Takes the memory for `rows` further rows, so that as many calls of Append cannot fail. What was
  // taken before is kept. RESOURCE_EXHAUSTED (MEMORY_BUDGET) when the system gives no memory;
  // chunks taken until then stay for the next call. REQUIRES: size() + rows <= capacity().
  absl::Status Reserve(uint32_t rows);

  // REQUIRES: reserved; ValidateVector(vector) is OK; ordinal is greater than that of the row
  // before.
  void Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector);

  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }
  size_t memory_bytes() const { return memory_bytes_; }

  // --- Everybody's side: for slots below a length that was published.

  const float* Exact(uint32_t slot) const;
  const int8_t* Codes(uint32_t slot) const;
  const RowInfo& Info(uint32_t slot) const;

  // The longest run that begins at `first` and ends before `end`. REQUIRES: first < end <=
  // published.
  Run RunAt(uint32_t first, uint32_t end) const;

  // The first slot below `visible` whose ordinal is not less than `ordinal`, or `visible`.
  uint32_t LowerBound(uint64_t ordinal, uint32_t visible) const;

  Metric metric() const { return metric_; }
  uint32_t dimension() const { return dimension_; }
  size_t exact_stride() const { return exact_stride_; }  // floats, a multiple of 16
  size_t code_stride() const { return code_stride_; }    // codes, a multiple of kCodePadding

 private:
  // A dimension has at most 10 chunks while they double and 41 of full size.
  static constexpr size_t kMaxChunks = 64;

  struct Place {
    uint32_t chunk;
    uint32_t offset;  // row inside the chunk
  };
  struct Free {
    void operator()(std::byte* memory) const;
  };

  Place PlaceOf(uint32_t slot) const;
  uint32_t ChunkRows(uint32_t chunk) const;
  uint32_t ChunksFor(uint32_t rows) const;
  float* ExactAt(Place place) const;
  int8_t* CodesAt(Place place) const;
  RowInfo* InfoAt(Place place) const;

  // Constant after construction.
  const Metric metric_;
  const uint32_t dimension_;
  const size_t exact_stride_;
  const size_t code_stride_;
  const size_t row_bytes_;
  const uint32_t capacity_;
  const uint32_t first_chunk_rows_;  // c above
  const uint32_t full_chunk_rows_;   // M above
  const uint32_t doubling_chunks_;   // chunks before row M

  // The writer's alone.
  uint32_t size_ = 0;
  uint32_t chunk_count_ = 0;
  size_t memory_bytes_ = 0;

  // Element j is set once, before any row in it is published.
  std::array<std::unique_ptr<std::byte, Free>, kMaxChunks> chunks_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GROWING_SEGMENT_H_
