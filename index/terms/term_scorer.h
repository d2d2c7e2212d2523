// TermScorer: the arithmetic of BM25 for one query: what a term gives to a row. Internal to
// index/terms/.
//
// Gains are rounded to multiples of a power of two that is 2^50 times smaller than any score of the
// query can be. So sums of them are exact in float64: the same in every order. The form
//
//   w tf / (tf + norm)  =  w - w / (1 + tf / norm)
//
// rises with tf and falls with the norm in floating point, too, each of its steps being monotone: a
// bound that is computed of greater tfs and smaller lengths holds exactly.
//
// Reused from query to query. Thread-safe while it is not Set.

#ifndef KITH_INDEX_TERMS_TERM_SCORER_H_
#define KITH_INDEX_TERMS_TERM_SCORER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/terms/bm25.h"
#include "index/terms/impacts.h"

namespace kith::index {

class TermScorer {
 public:
  void Set(const CorpusStatistics& corpus, const Bm25Params& bm25);

  // Which no gain of the term exceeds.
  double weight(uint32_t term) const { return weights_[term]; }

  // The inverse of the norm that tf is compared with.
  double InverseNorm(uint32_t length) const {
    return length < inverse_norms_.size() ? inverse_norms_[length] : ComputeInverseNorm(length);
  }

  double Gain(double weight, double tf, double inverse_norm) const {
    const double gain = weight - weight / (1 + tf * inverse_norm);
    return (gain + grid_) - grid_;
  }

  // The gains of many rows at once.
  void Gains(double weight, const uint32_t* tfs, const double* inverse_norms, size_t count,
             double* gains) const;

  // What no row exceeds of those that the impacts stand for.
  double Bound(double weight, const std::byte* impacts) const;

 private:
  // Rows are hardly ever longer.
  static constexpr uint32_t kTable = 1024;

  double ComputeInverseNorm(uint32_t length) const {
    return 1 / (norm_base_ + norm_slope_ * length);
  }

  std::vector<double> weights_;
  double grid_ = 0;  // 1.5 * 2^52 times the power of two: adding it rounds to a multiple
  double norm_base_ = -1;
  double norm_slope_ = -1;
  std::vector<double> inverse_norms_;                  // [length]
  std::array<double, 256> impact_inverse_norms_ = {};  // [code of a length]
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_SCORER_H_
