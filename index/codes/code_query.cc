// With x = u (m + r), r = low + step c + (an error), and q over |q| under cosine:
//
//   cosine   1 - <q, x>      = 1 - <q, m + low> - <w, c>,                   w_i = q_i step_i
//   dot      -<q, x>         = |q| u (-<q/|q|, m + low> - <w, c>),          w_i = q_i / |q| step_i
//   l2       |q - x|^2       = u^2 (|p|^2 - 2 <p, low> - 2 <w, c> + |r|^2), p = q / u - m
//
// Integer codes meet weights w = t d + (an error) with integer d and one t for all. What that error
// adds at the query's own place, or at the mean under dot, is a constant, and is added: rows near
// the query then feel little of it.

#include "index/codes/code_query.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "index/codes/code_layout.h"

namespace kith::index {
namespace {

constexpr size_t kAlignment = 64;

// Numbers of a damaged book must not become infinite; those of a good one are far below.
constexpr double kMaxFactor = 1e29;

// Adding and subtracting 1.5 * 2^52 rounds to an integer, half to even.
constexpr double kRounder = 6755399441055744.0;

// Rounding of float32 in a code distance, whose terms are of the order of 1.
constexpr double kRoundingSlack = 4e-6;

// Nearer pairs say nothing of how errors grow.
constexpr double kLeastShape = 1e-3;

float Factor(double value) {
  return static_cast<float>(std::clamp(value, -kMaxFactor, kMaxFactor));
}

ScoreRows KernelOf(CodeKind kind, const Kernels& kernels) {
  switch (kind) {
    case CodeKind::kInt4:
      return kernels.score_int4;
    case CodeKind::kInt8:
      return kernels.score_int8;
    case CodeKind::kF16:
      return kernels.score_f16;
    case CodeKind::kF32:
      return kernels.score_f32;
  }
  return nullptr;
}

// Bytes that the kernels read of the weights.
size_t WeightBytes(CodeKind kind, size_t code_bytes) {
  switch (kind) {
    case CodeKind::kInt4:
      return 2 * code_bytes;
    case CodeKind::kInt8:
      return code_bytes;
    case CodeKind::kF16:
      return 2 * code_bytes;
    case CodeKind::kF32:
      return code_bytes;
  }
  return 0;
}

}  // namespace

void CodeQuery::Prepare(const CodeBook& book, const float* query, const Kernels& kernels) {
  metric_ = book.metric_;
  score_rows_ = KernelOf(book.kind_, kernels);
  const uint32_t dimension = book.dimension_;
  const size_t weight_bytes = WeightBytes(book.kind_, book.code_bytes_);
  buffer_.resize(weight_bytes + kAlignment);
  void* aligned = buffer_.data();
  size_t room = buffer_.size();
  std::align(kAlignment, weight_bytes, aligned, room);
  std::memset(aligned, 0, weight_bytes);

  // The query as the formulas above have it.
  const double norm = std::sqrt(kernels.dot_f32(query, query, dimension));
  double scale = 1 / book.unit_;
  if (metric_ != Metric::kL2) scale = norm > 0 ? 1 / norm : 0;
  vector_.resize(dimension);
  double constant = 0;  // <q, m + low> or <p, low>
  double square = 0;    // |p|^2
  for (uint32_t i = 0; i < dimension; ++i) {
    double x = query[i] * scale;
    if (metric_ == Metric::kL2) {
      x -= book.mean_[i];
      constant += x * book.low_[i];
      square += x * x;
    } else {
      constant += x * (double{book.mean_[i]} + book.low_[i]);
    }
    vector_[i] = x;
  }

  double unit = 1;  // of the sum of weights and codes
  switch (book.kind_) {
    case CodeKind::kInt4:
    case CodeKind::kInt8:
      unit = SetIntegers(book, static_cast<int8_t*>(aligned), constant);
      break;
    case CodeKind::kF16:
    case CodeKind::kF32:
      SetFloats(book, static_cast<float*>(aligned));
      break;
  }
  weights_ = {.weights = aligned,
              .bytes = book.code_bytes_,
              .scale = 0,
              .bias = 0,
              .addend_offset = book.addend_offset_,
              .addend_scale = 0};
  error_unit_ = 1;
  switch (metric_) {
    case Metric::kCosine:
      weights_.scale = Factor(-unit);
      weights_.bias = Factor(1 - constant);
      gain_ = 1;
      break;
    case Metric::kDot:
      weights_.scale = Factor(-unit);
      weights_.bias = Factor(-constant);
      gain_ = norm > 0 ? 1 / (norm * book.unit_) : 1;
      break;
    case Metric::kL2: {
      const double shrink = 1 / std::max(1.0, square);
      weights_.scale = Factor(-2 * unit * shrink);
      weights_.bias = Factor((square - 2 * constant) * shrink);
      weights_.addend_scale = Factor(shrink);
      gain_ = shrink / (book.unit_ * book.unit_);
      error_unit_ = std::sqrt(shrink);
      break;
    }
  }
  spread_ = error_unit_ * book.error_spread_;
  floor_ = error_unit_ * error_unit_ * book.error_floor_ + kRoundingSlack;
}

// Returns t, and adds to `constant` what the rounding of weights takes from the sum.
double CodeQuery::SetIntegers(const CodeBook& book, int8_t* weights, double& constant) const {
  const bool int4 = book.kind_ == CodeKind::kInt4;
  const double most = int4 ? kMaxWeight4 : kMaxWeight8;
  const double last_code = int4 ? 15 : 255;
  double largest = 0;
  for (uint32_t i = 0; i < book.dimension_; ++i) {
    largest = std::max(largest, std::fabs(vector_[i] * book.step_[i]));
  }
  if (!(largest > 0)) return 0;
  const double unit = largest / most;
  const double inverse = most / largest;
  for (uint32_t i = 0; i < book.dimension_; ++i) {
    const double weight = vector_[i] * book.step_[i];
    const double rounded = (weight * inverse + kRounder) - kRounder;
    // Where the query itself, or the mean, lies between the codes.
    double place = -double{book.low_[i]};
    if (metric_ == Metric::kCosine) place += vector_[i] - book.mean_[i];
    if (metric_ == Metric::kL2) place += vector_[i];
    place = std::clamp(place * book.inverse_step_[i], 0.0, last_code);
    constant += (weight - unit * rounded) * place;
    const size_t at = int4 ? i / 2 + i % 2 * book.code_bytes_ : i;
    weights[at] = static_cast<int8_t>(rounded);
  }
  return unit;
}

void CodeQuery::SetFloats(const CodeBook& book, float* weights) const {
  for (uint32_t i = 0; i < book.dimension_; ++i) weights[i] = Factor(vector_[i] * book.step_[i]);
}

double CodeQuery::ToDistance(double score) const {
  switch (metric_) {
    case Metric::kCosine:
      return 1 - score;
    case Metric::kDot:
      return -score * gain_;
    case Metric::kL2:
      return score * score * gain_;
  }
  return 0;
}

// How the error of codes grows with the distance: as what of the query stands at right angles to
// the row (cosine), as |q - x| (l2). The inner product says nothing of either.
double CodeQuery::ErrorShape(double distance) const {
  switch (metric_) {
    case Metric::kCosine:
      return std::sqrt(std::max(0.0, distance * (2 - distance)));
    case Metric::kDot:
      return 1;
    case Metric::kL2:
      return std::sqrt(std::max(0.0, distance));
  }
  return 0;
}

// What CodeBook::Learn collects: by how much a distance is above the exact one, over all that the
// error grows with.
float CodeQuery::Deviation(float distance, double exact) const {
  const double error = std::max(0.0, distance - exact - floor_);
  return static_cast<float>(error / (error_unit_ * std::max(kLeastShape, ErrorShape(exact))));
}

float CodeQuery::DistanceOf(float score) const { return static_cast<float>(ToDistance(score)); }

float CodeQuery::Reach(float score) const {
  const double distance = ToDistance(score);
  return static_cast<float>(distance + floor_ + spread_ * ErrorShape(distance));
}

}  // namespace kith::index
