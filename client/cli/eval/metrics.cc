#include "client/cli/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace kith::cli {
namespace {

int GradeOf(const std::string& document, const Grades& grades) {
  const auto found = grades.find(document);
  return found == grades.end() ? 0 : std::max(found->second, 0);
}

// `place` counts from 0.
double DiscountedGain(int grade, size_t place) {
  return (std::exp2(grade) - 1) / std::log2(static_cast<double>(place) + 2);
}

double IdealGain(size_t k, const Grades& grades) {
  std::vector<int> best;
  for (const auto& [document, grade] : grades) best.push_back(std::max(grade, 0));
  std::sort(best.begin(), best.end(), std::greater<>());
  double gain = 0;
  for (size_t i = 0; i < std::min(k, best.size()); ++i) gain += DiscountedGain(best[i], i);
  return gain;
}

}  // namespace

bool HasRelevant(const Grades& grades) {
  return std::any_of(grades.begin(), grades.end(),
                     [](const auto& judged) { return judged.second > 0; });
}

double NdcgAt(size_t k, std::span<const std::string> ranking, const Grades& grades) {
  const double ideal = IdealGain(k, grades);
  if (ideal == 0) return 0;
  double gain = 0;
  for (size_t i = 0; i < std::min(k, ranking.size()); ++i) {
    gain += DiscountedGain(GradeOf(ranking[i], grades), i);
  }
  return gain / ideal;
}

double RecallAt(size_t k, std::span<const std::string> ranking, const Grades& grades) {
  const auto relevant = std::count_if(grades.begin(), grades.end(),
                                      [](const auto& judged) { return judged.second > 0; });
  if (relevant == 0) return 0;
  size_t found = 0;
  for (size_t i = 0; i < std::min(k, ranking.size()); ++i) {
    found += GradeOf(ranking[i], grades) > 0;
  }
  return static_cast<double>(found) / static_cast<double>(relevant);
}

double ReciprocalRankAt(size_t k, std::span<const std::string> ranking, const Grades& grades) {
  for (size_t i = 0; i < std::min(k, ranking.size()); ++i) {
    if (GradeOf(ranking[i], grades) > 0) return 1 / static_cast<double>(i + 1);
  }
  return 0;
}

}  // namespace kith::cli
