// CodeBook: how the rows of one segment are coded. Learned from a sample of them when the segment
// is sealed, stored beside the codes, and needed by every query (code_query.h).
//
//   ASSIGN_OR_RETURN(book, CodeBook::Learn(CodeKind::kInt4, metric, dimension, sample, kernels));
//   for each row: book.Encode(row, codes + node * book.row_bytes());
//   ...
//   query.Prepare(book, vector, kernels);
//   query.Gather(codes, book.row_bytes(), ids, n, distances);
//
// A component x_i becomes the nearest of 16 or 256 levels low_i + c step_i, which are placed where
// the sample's squared error is least: a few far values are clipped rather than allowed to spread
// the levels. Rows under cosine are scaled to norm 1 first.
//
// Rounding is balanced: of the components that lie almost half-way between two levels, those are
// rounded the other way that make the whole error e of a row stand at right angles to the row
// itself (to the row less the mean, under l2). Most of the error of <q, x> is then gone for every q
// near x, <q, e> = <q - x, e>, without a byte spent on corrections.
//
// Immutable once made; thread-safe; copyable.

#ifndef KITH_INDEX_CODES_CODE_BOOK_H_
#define KITH_INDEX_CODES_CODE_BOOK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "index/codes/code_kind.h"
#include "index/codes/code_layout.h"
#include "index/codes/lanes.h"
#include "index/kernels/kernels.h"
#include "index/metric.h"

namespace kith::index {

class CodeBook {
 public:
  // The most rows of a sample that Learn looks at: the first ones. Take them evenly from the
  // segment.
  static constexpr size_t kMaxSample = 4096;

  // `sample`: rows of `dimension` components that ValidateVector took, at least one. Costs about as
  // much as encoding 100,000 rows. REQUIRES: 1 <= dimension <= kMaxDimension.
  static CodeBook Learn(CodeKind kind, Metric metric, uint32_t dimension,
                        std::span<const float* const> sample, const Kernels& kernels);

  // The bytes that Serialize gave. DATA_LOSS (CORRUPTION) for any others: whatever they hold, a
  // book that was parsed is safe to use.
  static absl::StatusOr<CodeBook> Parse(std::string_view bytes);
  std::string Serialize() const;

  // Writes row_bytes() bytes. REQUIRES: ValidateVector took the row. Needs no alignment. The same
  // row gives the same bytes on every machine.
  void Encode(const float* row, std::byte* code) const;

  // What a coded row takes: a multiple of 32. Kernels read all of it and nothing else. Codes that
  // start at a multiple of 64 bytes are read fastest.
  size_t row_bytes() const { return row_bytes_; }
  static size_t RowBytes(CodeKind kind, Metric metric, uint32_t dimension);

  CodeKind kind() const { return kind_; }
  Metric metric() const { return metric_; }
  uint32_t dimension() const { return dimension_; }

 private:
  friend class CodeQuery;

  CodeBook(CodeKind kind, Metric metric, uint32_t dimension);
  void LearnUnit(std::span<const float* const> sample);
  void LearnSteps(std::span<const float* const> sample);
  void LearnErrors(std::span<const float* const> sample, const Kernels& kernels);
  void SetInverses();
  double RowScale(const float* row) const;
  float InUnits(const float* row, Factors scale, size_t i) const {
    const float r = (row[i] - origin_[i]) * scale.first * scale.second - mean_[i];
    return std::min(std::max(r, -kMaxUnits), kMaxUnits);
  }
  void ToUnits(const float* row, float* units) const;
  void EncodeLevels(const float* units, uint8_t* bytes) const;
  void EncodeFloats(const float* units, uint8_t* bytes) const;
  double ExactScore(const float* a, const float* b, const Kernels& kernels) const;

  CodeKind kind_;
  Metric metric_;
  uint32_t dimension_;
  size_t padded_;         // dimension_ up to whole blocks (lanes.h)
  size_t code_bytes_;     // of row_bytes_, without the addend
  size_t addend_offset_;  // of a row's squared norm, under l2; 0: there is none
  size_t row_bytes_;

  // A component x_i is coded as that of r_i: x_i = origin_i + unit (mean_i + r_i), the unit being
  // |x| under cosine, and low_i + step_i c_i is near r_i. Under l2 all is seen from the sample's
  // mean as it is, subtracted before anything is rounded; otherwise the mean only centres the
  // levels.
  double unit_ = 1;                  // typical norm of a row (of x - m, under l2)
  float error_floor_ = 0;            // for CodeQuery::Reach: errors of a row's distance to itself,
  float error_spread_ = 0;           // and what those to other rows have over it
  std::vector<float> origin_;        // [padded_]; the sample's mean under l2, else zeros
  std::vector<float> mean_;          // [padded_]
  std::vector<float> low_;           // [padded_]; zeros for floats
  std::vector<float> step_;          // [padded_]; 0: the component is constant
  std::vector<float> inverse_step_;  // [padded_]; 0 where step_ is
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_CODE_BOOK_H_
