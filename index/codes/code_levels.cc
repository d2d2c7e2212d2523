// A uniform quantiser fitted by alternation, as in Lloyd's algorithm: give each value its nearest
// level, then move offset and step to the least-squares line through (code, value). Each round
// lowers the error; where it ends depends on the start, so several are tried, which clip the values
// at different quantiles. One start spans them all: what a few far values cost is weighed, not
// assumed.

#include "index/codes/code_levels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "index/codes/code_layout.h"

namespace kith::index {
namespace {

constexpr double kClippedShares[] = {0, 0.002, 0.01, 0.05};
constexpr int kRounds = 5;

struct Line {
  double low;
  double step;
};

struct Fit {
  double error;  // of the line that was given
  Line next;     // the least-squares line of its codes
};

Fit Assign(std::span<const float> values, const Line& line, int levels) {
  const double inverse = 1 / line.step;
  double n = 0, sum_c = 0, sum_cc = 0, sum_x = 0, sum_cx = 0, error = 0;
  for (const float x : values) {
    const double u = (x - line.low) * inverse + 0.5;
    const double c = std::floor(std::clamp(u, 0.5, levels - 0.5));
    const double e = x - (line.low + c * line.step);
    error += e * e;
    n += 1;
    sum_c += c;
    sum_cc += c * c;
    sum_x += x;
    sum_cx += c * x;
  }
  const double spread = n * sum_cc - sum_c * sum_c;
  if (spread <= 0) return {error, line};
  const double step = (n * sum_cx - sum_c * sum_x) / spread;
  if (!(step > kLeastStep)) return {error, line};
  return {error, {(sum_x - step * sum_c) / n, step}};
}

}  // namespace

CodeLevels LearnLevels(std::span<float> values, int levels) {
  std::sort(values.begin(), values.end());
  CodeLevels best = {.low = values.front(), .step = 0};
  double least_error = HUGE_VAL;
  for (const double share : kClippedShares) {
    const size_t clipped = static_cast<size_t>(static_cast<double>(values.size()) * share);
    const double low = values[clipped];
    const double high = values[values.size() - 1 - clipped];
    Line line = {low, (high - low) / (levels - 1)};
    if (!(line.step > kLeastStep)) continue;
    for (int round = 0; round < kRounds; ++round) {
      const Fit fit = Assign(values, line, levels);
      if (fit.error < least_error) {
        least_error = fit.error;
        best = {static_cast<float>(line.low), static_cast<float>(line.step)};
      }
      line = fit.next;
    }
  }
  return best;
}

}  // namespace kith::index
