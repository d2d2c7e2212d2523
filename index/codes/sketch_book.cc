// The directions come from a few rounds of subspace iteration on the sample: a block of vectors is
// multiplied with the sample's scatter matrix, which is never formed, and made orthonormal again.
// It need not converge: any orthonormal directions are right, good ones let fewer rows through.

#include "index/codes/sketch_book.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace kith::index {
namespace {

constexpr int kRounds = 4;

// How the stretch is learned: so many queries against so many rows, evenly from the sample; of all
// pairs, and of those near each other, one in so many may be over it.
constexpr size_t kQueries = 64;
constexpr size_t kRows = 1024;
constexpr size_t kNearest = 16;
constexpr size_t kQuantile = 2000;

using Vectors = std::vector<std::vector<float>>;

// Modified Gram-Schmidt. What is left of a vector that the ones before it span becomes zeros.
void MakeOrthonormal(Vectors& vectors, const Kernels& kernels) {
  for (size_t v = 0; v < vectors.size(); ++v) {
    std::vector<float>& vector = vectors[v];
    const size_t n = vector.size();
    const double before = std::sqrt(kernels.dot_f32(vector.data(), vector.data(), n));
    for (int twice = 0; twice < 2; ++twice) {  // once leaves what rounding adds
      for (size_t u = 0; u < v; ++u) {
        const auto part = static_cast<float>(kernels.dot_f32(vector.data(), vectors[u].data(), n));
        for (size_t i = 0; i < n; ++i) vector[i] -= part * vectors[u][i];
      }
    }
    const double norm = std::sqrt(kernels.dot_f32(vector.data(), vector.data(), n));
    const bool is_new = norm > 1e-5 * before && norm > 1e-30;
    const auto scale = static_cast<float>(is_new ? 1 / norm : 0);
    for (float& value : vector) value *= scale;
  }
}

float HighQuantile(std::vector<float>& values) {
  if (values.empty()) return 0;
  const size_t over = values.size() / kQuantile;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(over), values.end(),
                   std::greater<float>());
  return values[over];
}

// What a row is multiplied with before anything else.
double ScaleOf(Metric metric, const float* row, uint32_t dimension, const Kernels& kernels) {
  if (metric != Metric::kCosine) return 1;
  const double square = kernels.dot_f32(row, row, dimension);
  return square > 0 ? 1 / std::sqrt(square) : 0;
}

std::vector<const float*> Evenly(std::span<const float* const> rows, size_t count) {
  count = std::min(count, rows.size());
  std::vector<const float*> taken(count);
  for (size_t i = 0; i < count; ++i) taken[i] = rows[i * rows.size() / count];
  return taken;
}

// The kAxes directions, end to end. `rows` are scaled and centred.
std::vector<float> PrincipalAxes(const Vectors& rows, uint32_t dimension, const Kernels& kernels) {
  Vectors axes(SketchBook::kAxes, std::vector<float>(dimension));
  // Any start does that is not at right angles to what is looked for.
  uint64_t state = 1;
  for (std::vector<float>& axis : axes) {
    for (float& value : axis) {
      state = state * 6364136223846793005 + 1442695040888963407;
      value = static_cast<float>(static_cast<int32_t>(state >> 33) - (1 << 30)) / (1 << 30);
    }
  }
  MakeOrthonormal(axes, kernels);
  for (int round = 0; round < kRounds; ++round) {
    Vectors next(axes.size(), std::vector<float>(dimension));
    for (const std::vector<float>& row : rows) {
      for (size_t a = 0; a < axes.size(); ++a) {
        const auto part =
            static_cast<float>(kernels.dot_f32(row.data(), axes[a].data(), dimension));
        float* to = next[a].data();
        for (uint32_t i = 0; i < dimension; ++i) to[i] += part * row[i];
      }
    }
    axes = std::move(next);
    MakeOrthonormal(axes, kernels);
  }
  std::vector<float> flat;
  for (const std::vector<float>& axis : axes) flat.insert(flat.end(), axis.begin(), axis.end());
  return flat;
}

}  // namespace

SketchBook::Place SketchBook::PlaceOf(const float* row, const Kernels& kernels) const {
  const double scale = ScaleOf(metric_, row, dimension_, kernels);
  Place place;
  for (size_t a = 0; a < kAxes; ++a) {
    const double along = kernels.dot_f32(row, axes_.data() + a * dimension_, dimension_);
    place[a] = static_cast<float>(along * scale) - offset_[a];
  }
  return place;
}

SketchBook SketchBook::Learn(Metric metric, uint32_t dimension,
                             std::span<const float* const> sample, const Kernels& kernels) {
  const std::vector<const float*> taken = Evenly(sample, kMaxSample);
  std::vector<double> mean(dimension, 0.0);
  std::vector<double> scales;
  for (const float* row : taken) {
    scales.push_back(ScaleOf(metric, row, dimension, kernels));
    const double share = scales.back() / static_cast<double>(taken.size());
    for (uint32_t i = 0; i < dimension; ++i) mean[i] += share * row[i];
  }
  // In units of the longest, so that sums of squares stay within float32.
  Vectors rows;
  double longest = 0;
  for (size_t r = 0; r < taken.size(); ++r) {
    double square = 0;
    for (uint32_t i = 0; i < dimension; ++i) {
      const double x = taken[r][i] * scales[r] - mean[i];
      square += x * x;
    }
    longest = std::max(longest, std::sqrt(square));
  }
  const double unit = longest > 0 ? 1 / longest : 0;
  for (size_t r = 0; r < taken.size(); ++r) {
    std::vector<float>& row = rows.emplace_back(dimension);
    for (uint32_t i = 0; i < dimension; ++i) {
      row[i] = static_cast<float>((taken[r][i] * scales[r] - mean[i]) * unit);
    }
  }
  std::vector<float> axes = PrincipalAxes(rows, dimension, kernels);
  Place offset;
  for (size_t a = 0; a < kAxes; ++a) {
    double along = 0;
    for (uint32_t i = 0; i < dimension; ++i) along += mean[i] * axes[a * dimension + i];
    offset[a] = static_cast<float>(along);
  }
  // Places first, since the codes of places are learned from them.
  const Place nowhere = {};
  const float* const nothing = nowhere.data();
  SketchBook book(metric, dimension,
                  CodeBook::Learn(CodeKind::kInt8, Metric::kL2, kAxes, {&nothing, 1}, kernels));
  book.axes_ = std::move(axes);
  book.offset_ = offset;
  std::vector<Place> places;
  std::vector<const float*> pointers;
  for (const float* row : taken) places.push_back(book.PlaceOf(row, kernels));
  for (const Place& place : places) pointers.push_back(place.data());
  book.codes_ = CodeBook::Learn(CodeKind::kInt8, Metric::kL2, kAxes, pointers, kernels);
  book.LearnStretch(taken, kernels);
  return book;
}

double SketchBook::SquaredDistance(const float* a, const float* b, const Kernels& kernels) const {
  if (metric_ != Metric::kCosine) return kernels.squared_l2_f32(a, b, dimension_);
  const double cosine = kernels.dot_f32(a, b, dimension_) *
                        ScaleOf(metric_, a, dimension_, kernels) *
                        ScaleOf(metric_, b, dimension_, kernels);
  return std::max(0.0, 2 * (1 - cosine));
}

// Measured through all that a search goes through: sketches, quantised queries, kernels.
void SketchBook::LearnStretch(std::span<const float* const> sample, const Kernels& kernels) {
  const std::vector<const float*> rows = Evenly(sample, kRows);
  std::vector<std::byte> sketches(rows.size() * RowBytes());
  for (size_t r = 0; r < rows.size(); ++r) Encode(rows[r], sketches.data() + r * RowBytes());
  SketchQuery query;
  std::vector<float> distances(rows.size());
  // A row at its own place.
  std::vector<float> own;
  for (size_t r = 0; r < rows.size(); ++r) {
    query.Prepare(*this, rows[r], kernels);
    query.Scan(sketches.data() + r * RowBytes(), 1, distances.data());
    own.push_back(static_cast<float>(query.query_.SquaredDistance(distances[0])));
  }
  floor_ = std::max(0.0f, HighQuantile(own));
  std::vector<float> all;
  std::vector<float> near;
  std::vector<std::pair<double, float>> ratios;
  for (const float* vector : Evenly(sample, kQueries)) {
    query.Prepare(*this, vector, kernels);
    query.Scan(sketches.data(), rows.size(), distances.data());
    ratios.clear();
    for (size_t r = 0; r < rows.size(); ++r) {
      const double exact = SquaredDistance(vector, rows[r], kernels);
      if (rows[r] == vector || exact <= floor_) continue;
      const double over = query.query_.SquaredDistance(distances[r]) - floor_;
      ratios.emplace_back(exact, static_cast<float>(std::max(0.0, over / exact)));
    }
    for (const auto& [exact, ratio] : ratios) all.push_back(ratio);
    const size_t nearest = std::min(kNearest, ratios.size());
    std::partial_sort(ratios.begin(), ratios.begin() + static_cast<ptrdiff_t>(nearest),
                      ratios.end());
    for (size_t i = 0; i < nearest; ++i) near.push_back(ratios[i].second);
  }
  stretch_ = std::min(kMaxStretch, std::max(HighQuantile(all), HighQuantile(near)));
  if (stretch_ == 0) stretch_ = 1;
}

void SketchBook::Encode(const float* row, std::byte* sketch) const {
  const Place place = PlaceOf(row, BestKernels());
  codes_.Encode(place.data(), sketch);
}

void SketchQuery::Prepare(const SketchBook& book, const float* query, const Kernels& kernels) {
  book_ = &book;
  const SketchBook::Place place = book.PlaceOf(query, kernels);
  query_.Prepare(book.codes_, place.data(), kernels);
}

float SketchQuery::Reach(double square) const {
  const double sketch = double{book_->floor_} + double{book_->stretch_} * square;
  return query_.DistanceOf(static_cast<float>(-std::sqrt(std::max(0.0, sketch))));
}

}  // namespace kith::index
