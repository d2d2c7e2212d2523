#include "tests/models/measures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>

namespace kith::models {
namespace {

constexpr size_t kCut = 10;

// Ranks from 1; a run of equal values shares the mean of its ranks.
std::vector<double> Ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size() && values[order[end]] == values[order[begin]];) ++end;
    const double mean = static_cast<double>(begin + 1 + end) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = mean;
  }
  return ranks;
}

double Discounted(std::span<const int> grades) {
  double sum = 0;
  for (size_t i = 0; i < std::min(grades.size(), kCut); ++i) {
    sum += (std::exp2(grades[i]) - 1) / std::log2(static_cast<double>(i) + 2);
  }
  return sum;
}

}  // namespace

double Spearman(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> a_ranks = Ranks(a), b_ranks = Ranks(b);
  const double mean = (static_cast<double>(a.size()) + 1) / 2;
  double covariance = 0, a_variance = 0, b_variance = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a_ranks[i] - mean, y = b_ranks[i] - mean;
    covariance += x * y;
    a_variance += x * x;
    b_variance += y * y;
  }
  return covariance / std::sqrt(a_variance * b_variance);
}

double NdcgAt10(std::span<const int> ranked, std::vector<int> judged) {
  std::sort(judged.begin(), judged.end(), std::greater<>());
  return Discounted(ranked) / Discounted(judged);
}

}  // namespace kith::models
