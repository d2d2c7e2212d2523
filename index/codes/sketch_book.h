// SketchBook: a row in 64 bytes, for scans of many rows of which few are near. Learned from a
// sample when a segment is sealed, and stored beside its codes.
//
//   const SketchBook book = SketchBook::Learn(metric, dimension, sample, kernels);
//   for each row: book.Encode(row, sketches + slot * book.row_bytes());
//   ...
//   query.Prepare(book, vector, kernels);
//   query.Scan(sketches, book.row_bytes(), rows, distances);
//   rows whose distance is over query.Reach(D) are hardly nearer than D
//
// A sketch is the row's place (less the mean, scaled to norm 1 under cosine) along the 60
// directions in which the sample varies most, in 8 bits each. Rows come nearer to each other when
// they are projected, never apart, so that a row whose sketch is farther than some distance is
// farther than that itself; and as the rest of a row usually adds its share, hardly any row is much
// farther in its sketch than a part of its distance. That part, `stretch`, is learned.
//
// For cosine and l2. Immutable once made; thread-safe; copyable.

#ifndef KITH_INDEX_CODES_SKETCH_BOOK_H_
#define KITH_INDEX_CODES_SKETCH_BOOK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "index/codes/code_book.h"
#include "index/codes/code_query.h"
#include "index/kernels/kernels.h"
#include "index/metric.h"

namespace kith::index {

class SketchBook {
 public:
  static constexpr uint32_t kAxes = 60;  // with the norm that codes under l2 have: 64 bytes
  // Rows of a sample that Learn looks at: the first ones.
  static constexpr size_t kMaxSample = 1024;

  static constexpr float kMaxStretch = 4;

  // Whether sketches are worth their bytes beside codes of `code_bytes` a row.
  static bool IsOf(Metric metric, uint32_t dimension, size_t code_bytes) {
    return metric != Metric::kDot && dimension >= 2 * kAxes && code_bytes >= 3 * RowBytes();
  }

  // `sample`: rows of `dimension` components that ValidateVector took, at least one. REQUIRES: the
  // metric is not dot; dimension >= kAxes.
  static SketchBook Learn(Metric metric, uint32_t dimension, std::span<const float* const> sample,
                          const Kernels& kernels);

  // The bytes that Serialize gave. DATA_LOSS (CORRUPTION) for any others: whatever they hold, a
  // book that was parsed is safe to use.
  static absl::StatusOr<SketchBook> Parse(std::string_view bytes);
  std::string Serialize() const;

  // Writes RowBytes() bytes. REQUIRES: ValidateVector took the row. The same row gives the same
  // bytes on every machine.
  void Encode(const float* row, std::byte* sketch) const;
  static constexpr size_t RowBytes() { return 64; }
  // About what Serialize gives.
  static constexpr size_t BookBytes(uint32_t dimension) {
    return (kAxes * size_t{dimension} + 128) * sizeof(float);
  }

  Metric metric() const { return metric_; }
  uint32_t dimension() const { return dimension_; }

  // What sketches do to a scan for the ten nearest of all rows; set when it was measured.
  struct Costs {
    float sketch_ns = 0;     // CPU nanoseconds of a sketch
    float codes_scored = 0;  // rows within reach while it ran, which were scored by their codes
  };
  const Costs& costs() const { return costs_; }
  void SetCosts(const Costs& costs) { costs_ = costs; }

 private:
  friend class SketchQuery;

  SketchBook(Metric metric, uint32_t dimension, CodeBook codes)
      : metric_(metric), dimension_(dimension), codes_(std::move(codes)) {}
  using Place = std::array<float, kAxes>;
  Place PlaceOf(const float* row, const Kernels& kernels) const;
  void LearnStretch(std::span<const float* const> sample, const Kernels& kernels);
  double SquaredDistance(const float* a, const float* b, const Kernels& kernels) const;

  Metric metric_;
  uint32_t dimension_;
  std::vector<float> axes_;  // [kAxes][dimension_], orthonormal
  Place offset_ = {};        // the mean's place
  CodeBook codes_;           // of places: int8, l2
  // Squared distances of sketches are hardly ever over floor_ + stretch_ * that of the rows.
  float stretch_ = 1;
  float floor_ = 0;
  Costs costs_;
};

// One query against the sketches of one segment. Reused from query to query; not thread-safe while
// prepared.
class SketchQuery {
 public:
  // REQUIRES: ValidateVector took the query. Keeps a pointer to `book`.
  void Prepare(const SketchBook& book, const float* query, const Kernels& kernels);

  void Gather(const std::byte* base, const uint32_t* ids, size_t n, float* distances) const {
    query_.Gather(base, SketchBook::RowBytes(), ids, n, distances);
  }
  void Scan(const std::byte* base, size_t n, float* distances) const {
    query_.Scan(base, SketchBook::RowBytes(), n, distances);
  }

  // The distance of a sketch that hardly any row exceeds whose squared distance (of rows scaled to
  // norm 1, under cosine) is at most `square`.
  float Reach(double square) const;

 private:
  friend class SketchBook;
  const SketchBook* book_ = nullptr;
  CodeQuery query_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_SKETCH_BOOK_H_
