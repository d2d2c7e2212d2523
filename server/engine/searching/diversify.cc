#include "server/engine/searching/diversify.h"

#include <algorithm>
#include <cmath>

#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

// The pool's best becomes 1 and its worst 0; all 1 if they are the same.
std::vector<double> Relevances(std::span<const float> scores) {
  const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
  const double width = static_cast<double>(*most) - *least;
  std::vector<double> relevances;
  for (const float score : scores) {
    relevances.push_back(width > 0 ? (static_cast<double>(score) - *least) / width : 1);
  }
  return relevances;
}

// Of length 1, so that products are cosines. A vector of zeros stays, and is like nothing.
std::vector<float> Normalised(std::span<const float> vectors, size_t dimension) {
  std::vector<float> out(vectors.begin(), vectors.end());
  for (size_t row = 0; row < out.size(); row += dimension) {
    double squares = 0;
    for (size_t i = 0; i < dimension; ++i) squares += double{out[row + i]} * out[row + i];
    if (!(squares > 0)) continue;
    const double scale = 1 / std::sqrt(squares);
    for (size_t i = 0; i < dimension; ++i) out[row + i] = static_cast<float>(out[row + i] * scale);
  }
  return out;
}

float Dot(const float* a, const float* b, size_t dimension) {
  // Eight sums, which the compiler keeps in one register.
  float sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= dimension; i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  for (; i < dimension; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

absl::StatusOr<std::vector<size_t>> PickDiverse(std::span<const float> scores,
                                                std::span<const float> vectors, size_t dimension,
                                                double lambda, size_t count, const Call& call) {
  std::vector<size_t> picked;
  if (scores.empty()) return picked;
  const std::vector<double> relevances = Relevances(scores);
  const std::vector<float> units = Normalised(vectors, dimension);
  std::vector<double> likeness(scores.size(), 0);  // to the hit taken that it is most similar to
  std::vector<size_t> left;
  for (size_t i = 0; i < scores.size(); ++i) left.push_back(i);
  count = std::min(count, scores.size());
  while (picked.size() < count) {
    KITH_RETURN_IF_ERROR(call.Check());
    size_t best = 0;
    double best_value = 0;
    for (size_t at = 0; at < left.size(); ++at) {
      const double value = lambda * relevances[left[at]] - (1 - lambda) * likeness[left[at]];
      if (at == 0 || value > best_value) {
        best = at;
        best_value = value;
      }
    }
    const size_t taken = left[best];
    picked.push_back(taken);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
    for (const size_t other : left) {
      const float cosine = Dot(&units[taken * dimension], &units[other * dimension], dimension);
      likeness[other] = std::max(likeness[other], static_cast<double>(cosine));
    }
  }
  return picked;
}

}  // namespace kith::engine
