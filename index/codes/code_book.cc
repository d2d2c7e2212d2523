#include "index/codes/code_book.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "index/codes/code_layout.h"
#include "index/codes/code_levels.h"
#include "index/codes/code_query.h"
#include "index/codes/lanes.h"

namespace kith::index {
namespace {

// Half floats end at 65504. The sample's greatest component becomes 128 to 256; rows outside the
// sample have the rest.
constexpr float kHalfTarget = 256;
constexpr float kLeastHalfRange = 1e-4f;

// How errors are learned: so many queries against so many rows, evenly from the
// sample, and again the nearest of these; of either, one pair in a thousand may be over it.
constexpr size_t kSpreadQueries = 64;
constexpr size_t kSpreadRows = 1024;
constexpr size_t kSpreadNearest = 16;
constexpr size_t kSpreadQuantile = 1000;

std::vector<const float*> Evenly(std::span<const float* const> rows, size_t count) {
  count = std::min(count, rows.size());
  std::vector<const float*> taken(count);
  for (size_t i = 0; i < count; ++i) taken[i] = rows[i * rows.size() / count];
  return taken;
}

// Which one in kSpreadQuantile exceeds.
float HighQuantile(std::vector<float>& values) {
  if (values.empty()) return 0;
  const size_t over = values.size() / kSpreadQuantile;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(over), values.end(),
                   std::greater<float>());
  return values[over];
}

// As Parse demands.
float Bounded(float error) { return static_cast<float>(std::clamp<double>(error, 0.0, kMaxUnits)); }

}  // namespace

CodeBook::CodeBook(CodeKind kind, Metric metric, uint32_t dimension)
    : kind_(kind),
      metric_(metric),
      dimension_(dimension),
      padded_(PaddedTo(dimension, kBlock)),
      code_bytes_(LayoutOf(kind, metric, dimension).code_bytes),
      addend_offset_(LayoutOf(kind, metric, dimension).addend_offset),
      row_bytes_(LayoutOf(kind, metric, dimension).row_bytes),
      origin_(padded_, 0.0f),
      mean_(padded_, 0.0f),
      low_(padded_, 0.0f),
      step_(padded_, 0.0f),
      inverse_step_(padded_, 0.0f) {}

size_t CodeBook::RowBytes(CodeKind kind, Metric metric, uint32_t dimension) {
  return LayoutOf(kind, metric, dimension).row_bytes;
}

CodeBook CodeBook::Learn(CodeKind kind, Metric metric, uint32_t dimension,
                         std::span<const float* const> sample, const Kernels& kernels) {
  CodeBook book(kind, metric, dimension);
  sample = sample.first(std::min(sample.size(), kMaxSample));
  book.LearnUnit(sample);
  book.LearnSteps(sample);
  book.SetInverses();
  book.LearnErrors(sample, kernels);
  return book;
}

// What a row is multiplied with before anything else.
double CodeBook::RowScale(const float* row) const {
  if (metric_ != Metric::kCosine) return 1 / unit_;
  return 1 / std::sqrt(BestKernels().dot_f32(row, row, dimension_));
}

void CodeBook::LearnUnit(std::span<const float* const> sample) {
  const double share = 1 / static_cast<double>(sample.size());
  std::vector<double> mean(dimension_, 0.0);
  for (const float* row : sample) {
    const double scale = metric_ == Metric::kCosine ? RowScale(row) * share : share;
    for (uint32_t i = 0; i < dimension_; ++i) mean[i] += row[i] * scale;
  }
  if (metric_ == Metric::kL2) {
    for (uint32_t i = 0; i < dimension_; ++i) origin_[i] = static_cast<float>(mean[i]);
  }
  if (metric_ != Metric::kCosine) {
    double square = 0;
    double mean_square = 0;
    for (uint32_t i = 0; i < dimension_; ++i) mean_square += mean[i] * mean[i];
    for (const float* row : sample) {
      for (uint32_t i = 0; i < dimension_; ++i) {
        const double x = row[i] - origin_[i];
        square += x * x * share;
      }
    }
    // Rows that are all alike leave nothing to count in but their own norm.
    if (square == 0) square = mean_square;
    if (square > 0) unit_ = std::sqrt(square);
  }
  if (metric_ != Metric::kL2) {
    for (uint32_t i = 0; i < dimension_; ++i) {
      mean_[i] = static_cast<float>(std::clamp<double>(mean[i] / unit_, -kMaxUnits, kMaxUnits));
    }
  }
}

void CodeBook::LearnSteps(std::span<const float* const> sample) {
  if (kind_ == CodeKind::kF32) {
    std::fill_n(step_.begin(), dimension_, 1.0f);
    return;
  }
  std::vector<Factors> scales;
  for (const float* row : sample) scales.push_back(SplitFactor(RowScale(row)));
  constexpr uint32_t kTogether = 16;  // components: a cache line of every row
  std::vector<float> columns(kTogether * sample.size());
  for (uint32_t begin = 0; begin < dimension_; begin += kTogether) {
    const uint32_t end = std::min(dimension_, begin + kTogether);
    for (size_t r = 0; r < sample.size(); ++r) {
      for (uint32_t i = begin; i < end; ++i) {
        columns[(i - begin) * sample.size() + r] = InUnits(sample[r], scales[r], i);
      }
    }
    for (uint32_t i = begin; i < end; ++i) {
      const std::span<float> column(columns.data() + (i - begin) * sample.size(), sample.size());
      if (kind_ == CodeKind::kF16) {
        float largest = kLeastHalfRange;
        for (const float x : column) largest = std::max(largest, std::fabs(x));
        step_[i] = std::ldexp(2 / kHalfTarget, std::ilogb(largest));
      } else {
        const CodeLevels levels = LearnLevels(column, kind_ == CodeKind::kInt4 ? 16 : 256);
        low_[i] = levels.low;
        step_[i] = levels.step;
      }
    }
  }
}

void CodeBook::SetInverses() {
  for (uint32_t i = 0; i < dimension_; ++i)
    inverse_step_[i] = step_[i] >= kLeastStep ? 1 / step_[i] : 0;
}

// Measured through all that a search goes through: codes, quantised queries, kernels.
void CodeBook::LearnErrors(std::span<const float* const> sample, const Kernels& kernels) {
  const std::vector<const float*> rows = Evenly(sample, kSpreadRows);
  std::vector<std::byte> codes(rows.size() * row_bytes_);
  for (size_t r = 0; r < rows.size(); ++r) Encode(rows[r], codes.data() + r * row_bytes_);
  CodeQuery query;
  std::vector<float> distances(rows.size());
  std::vector<std::pair<float, float>> errors;  // exact distance, error over its shape
  std::vector<float> own;
  std::vector<float> all;
  std::vector<float> near;
  if (metric_ != Metric::kDot) {
    // A row at its own place: what balance left, and what rounded weights add.
    for (size_t r = 0; r < rows.size(); ++r) {
      query.Prepare(*this, rows[r], kernels);
      const double unit = query.error_unit_ * query.error_unit_;
      own.push_back(static_cast<float>(query.Distance(codes.data() + r * row_bytes_) / unit));
    }
    error_floor_ = Bounded(HighQuantile(own));
  }
  for (const float* vector : Evenly(sample, kSpreadQueries)) {
    query.Prepare(*this, vector, kernels);
    query.Scan(codes.data(), row_bytes_, rows.size(), distances.data());
    errors.clear();
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r] == vector) continue;
      const double exact = query.ToDistance(ExactScore(vector, rows[r], kernels));
      errors.emplace_back(static_cast<float>(exact), query.Deviation(distances[r], exact));
    }
    for (const auto& [exact, error] : errors) all.push_back(error);
    const size_t nearest = std::min(kSpreadNearest, errors.size());
    std::partial_sort(errors.begin(), errors.begin() + static_cast<ptrdiff_t>(nearest),
                      errors.end());
    for (size_t i = 0; i < nearest; ++i) near.push_back(errors[i].second);
  }
  error_spread_ = Bounded(std::max(HighQuantile(all), HighQuantile(near)));
}

double CodeBook::ExactScore(const float* a, const float* b, const Kernels& kernels) const {
  switch (metric_) {
    case Metric::kCosine:
      return kernels.dot_f32(a, b, dimension_) * RowScale(a) * RowScale(b);
    case Metric::kDot:
      return kernels.dot_f32(a, b, dimension_);
    case Metric::kL2:
      return -std::sqrt(kernels.squared_l2_f32(a, b, dimension_));
  }
  return 0;
}

}  // namespace kith::index
