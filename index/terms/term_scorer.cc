#include "index/terms/term_scorer.h"

#include <algorithm>
#include <cmath>

namespace kith::index {

void TermScorer::Set(const CorpusStatistics& corpus, const Bm25Params& bm25) {
  weights_.clear();
  double most = 0;
  for (const uint64_t term_rows : corpus.term_rows) {
    weights_.push_back(Bm25Idf(corpus.rows, term_rows));
    most += weights_.back();
  }
  int exponent;
  std::frexp(most, &exponent);
  grid_ = std::ldexp(1.5, exponent - 50 + 52);

  const double base = bm25.k1 * (1 - bm25.b);
  const double slope = bm25.k1 * bm25.b / corpus.average_length();
  if (base == norm_base_ && slope == norm_slope_) return;
  norm_base_ = base;
  norm_slope_ = slope;
  inverse_norms_.resize(kTable);
  for (uint32_t i = 0; i < kTable; ++i) inverse_norms_[i] = ComputeInverseNorm(i);
  for (uint32_t code = 0; code < 256; ++code) {
    impact_inverse_norms_[code] = ComputeInverseNorm(ImpactLength(static_cast<uint8_t>(code)));
  }
}

void TermScorer::Gains(double weight, const uint32_t* tfs, const double* inverse_norms,
                       size_t count, double* gains) const {
  const double grid = grid_;
  for (size_t i = 0; i < count; ++i) {
    // Signed numbers are what processors convert fastest; tfs fit (kMaxTf).
    const double tf = static_cast<int32_t>(tfs[i]);
    const double gain = weight - weight / (1 + tf * inverse_norms[i]);
    gains[i] = (gain + grid) - grid;
  }
}

double TermScorer::Bound(double weight, const std::byte* impacts) const {
  double most = 0;
  for (size_t i = 0; i < kImpactPairs; ++i) {
    const double tf = ImpactTf(std::to_integer<uint8_t>(impacts[2 * i]));
    most = std::max(most, tf * impact_inverse_norms_[std::to_integer<uint8_t>(impacts[2 * i + 1])]);
  }
  return Gain(weight, most, 1);
}

}  // namespace kith::index
