#include "server/engine/searching/average_query.h"

#include <cmath>
#include <cstdint>

#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

using Vector = std::vector<double>;

// Rounding leaves this much of vectors that cancel one another out.
constexpr double kNothing = 1e-6;

double LengthOf(const Vector& vector) {
  double squares = 0;
  for (const double value : vector) squares += value * value;
  return std::sqrt(squares);
}

void Add(const Vector& vector, double scale, Vector* sum) {
  for (size_t i = 0; i < vector.size(); ++i) (*sum)[i] += scale * vector[i];
}

Vector Unit(Vector vector) {
  const double length = LengthOf(vector);
  if (length > 0) {
    for (double& value : vector) value /= length;
  }
  return vector;
}

Vector Mean(std::span<const std::vector<float>> examples, size_t dimension, bool unit) {
  Vector mean(dimension);
  for (const std::vector<float>& example : examples) {
    Vector of_example(dimension);
    const size_t rows = example.size() / dimension;
    for (size_t row = 0; row < rows; ++row) {
      const float* values = &example[row * dimension];
      Vector vector(values, values + dimension);
      if (unit) vector = Unit(std::move(vector));
      Add(vector, 1 / static_cast<double>(rows), &of_example);
    }
    if (unit) of_example = Unit(std::move(of_example));
    Add(of_example, 1 / static_cast<double>(examples.size()), &mean);
  }
  return mean;
}

}  // namespace

absl::StatusOr<std::vector<float>> AverageQuery(std::span<const std::vector<float>> positive,
                                                std::span<const std::vector<float>> negative,
                                                size_t dimension, index::Metric metric) {
  const bool unit = metric == index::Metric::kCosine;
  Vector query = Mean(positive, dimension, unit);
  if (!negative.empty()) {
    const Vector away = Mean(negative, dimension, unit);
    for (size_t i = 0; i < dimension; ++i) query[i] += query[i] - away[i];
  }
  if (unit && LengthOf(query) < kNothing) {
    return InvalidArgument(reason::kZeroVector,
                           "the mean of {} positive and {} negative examples is a vector of length "
                           "{:.2g}: they cancel one another out",
                           positive.size(), negative.size(), LengthOf(query))
        .With("limit", kNothing);
  }
  std::vector<float> out(query.begin(), query.end());
  KITH_RETURN_IF_ERROR(index::ValidateVector(out, metric, static_cast<uint32_t>(dimension)));
  return out;
}

}  // namespace kith::engine
