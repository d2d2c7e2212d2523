// With x = o + u (m + r), r = low + step c + (an error), u = 1 and q over |q| under cosine, o = 0
// but under l2, m = 0 under l2:
//
//   cosine   1 - <q, x>      = 1 - <q, m + low> - <w, c>,                   w_i = q_i step_i
//   dot      -<q, x>         = |q| u (-<p, m + low> - <w, c>),              p = q / |q|
//   l2       |q - x|^2       = u^2 (|p|^2 - 2 <p, low> - 2 <w, c> + |r|^2), p = (q - o) / u
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
#include "index/codes/lanes.h"

namespace kith::index {
namespace {

constexpr size_t kAlignment = 64;

// Numbers of a damaged book must not become infinite; those of a good one are far below.
constexpr double kMaxFactor = 1e29;

// Components of a query in a row's units: farther than rows may be, and within float32 when
// multiplied with a step.
constexpr float kMaxVector = 1e16f;

// Weights below this are none, and their reciprocals would not be numbers.
constexpr float kLeastWeight = 1e-30f;
constexpr float kMaxWeight = 1e29f;

// Adding and subtracting 1.5 * 2^23 rounds to an integer, half to even.
constexpr float kRounder = 12582912.0f;

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

void ToBytes(const float* values, size_t n, int8_t* bytes) {
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<int8_t>(static_cast<int>(values[i]));
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
  const Factors factors = SplitFactor(scale);
  const size_t n = book.padded_;
  vector_.resize(n);
  float* vector = vector_.data();
  const float* origin = book.origin_.data();
  const float* mean = book.mean_.data();
  const float* low = book.low_.data();
  for (size_t i = 0; i < dimension; ++i) {
    const float x = (query[i] - origin[i]) * factors.first * factors.second;
    vector[i] = std::min(std::max(x, -kMaxVector), kMaxVector);
  }
  std::fill(vector + dimension, vector + n, 0.0f);
  // <q, m + low> or <p, low>
  double constant = SumOf(n, [&](size_t i) { return vector[i] * (mean[i] + low[i]); });
  double square = 0;  // |p|^2
  if (metric_ == Metric::kL2) square = SumOf(n, [&](size_t i) { return vector[i] * vector[i]; });

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
double CodeQuery::SetIntegers(const CodeBook& book, int8_t* weights, double& constant) {
  const bool int4 = book.kind_ == CodeKind::kInt4;
  const float most = int4 ? kMaxWeight4 : kMaxWeight8;
  const float last_code = int4 ? 15 : 255;
  const size_t n = book.padded_;
  const float* vector = vector_.data();
  const float* steps = book.step_.data();
  const float largest = MaxOf(n, [&](size_t i) { return std::fabs(vector[i] * steps[i]); });
  if (!(largest >= kLeastWeight)) return 0;
  const float unit = largest / most;
  const float inverse = most / largest;
  rounded_.assign(PaddedTo(n, kInt4Run), 0.0f);
  float* rounded = rounded_.data();
  for (size_t i = 0; i < n; ++i) {
    rounded[i] = ((vector[i] * steps[i]) * inverse + kRounder) - kRounder;
  }
  // Where the query itself lies between the codes, or under dot the mean.
  const float* mean = book.mean_.data();
  const float* low = book.low_.data();
  const float* inverse_steps = book.inverse_step_.data();
  const float share = metric_ == Metric::kDot ? 0 : 1;
  constant += SumOf(n, [&](size_t i) {
    const float r = share * (vector[i] - mean[i]);
    const float place = std::min(std::max((r - low[i]) * inverse_steps[i], 0.0f), last_code);
    return (vector[i] * steps[i] - unit * rounded[i]) * place;
  });
  if (int4) {
    int8_t* high = weights + book.code_bytes_;
    for (size_t run = 0; run < n; run += kInt4Run, weights += kInt4Half, high += kInt4Half) {
      ToBytes(rounded + run, kInt4Half, weights);
      ToBytes(rounded + run + kInt4Half, kInt4Half, high);
    }
  } else {
    ToBytes(rounded, n, weights);
  }
  return unit;
}

void CodeQuery::SetFloats(const CodeBook& book, float* weights) const {
  for (size_t i = 0; i < book.padded_; ++i) {
    weights[i] = std::clamp(vector_[i] * book.step_[i], -kMaxWeight, kMaxWeight);
  }
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

double CodeQuery::SquaredDistance(float distance) const {
  return metric_ == Metric::kCosine ? 2.0 * distance : distance / gain_;
}

double CodeQuery::SquaredReach(float distance) const {
  const double least = std::max(0.0f, distance);
  // Beyond a right angle the error falls again; it must not here, where the distance may be more.
  const double shape = ErrorShape(metric_ == Metric::kCosine ? std::min(least, 1.0) : least);
  return (metric_ == Metric::kCosine ? 2 : 1 / gain_) * (least + floor_ + spread_ * shape);
}

float CodeQuery::Reach(float score) const {
  const double distance = ToDistance(score);
  return static_cast<float>(distance + floor_ + spread_ * ErrorShape(distance));
}

}  // namespace kith::index
