// A uniform quantiser fitted by alternation, as in Lloyd's algorithm: give each value its nearest
// level, then move offset and step to the least-squares line through (code, value). Each round
// lowers the error; where it ends depends on the start, so several are tried, which clip the values
// at different quantiles. One start spans them all: what a few far values cost is weighed, not
// assumed.
//
// Values are sorted and their sums kept, so that a level's share of all sums is found by bisection:
// a round takes levels * log(values) steps.

#include "index/codes/code_levels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "index/codes/code_layout.h"

namespace kith::index {
namespace {

constexpr double kClippedShares[] = {0, 0.002, 0.01, 0.05};
constexpr int kRounds = 6;

struct Line {
  double low;
  double step;
};

struct Fit {
  double error;  // of the line that was given
  Line next;     // the least-squares line of its codes
};

class SortedValues {
 public:
  explicit SortedValues(std::span<float> values) : values_(values) {
    std::sort(values.begin(), values.end());
    middle_ = values[values.size() / 2];
    sums_.reserve(values.size() + 1);
    squares_.reserve(values.size() + 1);
    sums_.push_back(0);
    squares_.push_back(0);
    for (const float value : values) {
      const double x = value - middle_;  // what all have in common would drown the squares
      sums_.push_back(sums_.back() + x);
      squares_.push_back(squares_.back() + x * x);
    }
  }

  Fit Assign(const Line& line, int levels) const {
    double sum_c = 0, sum_cc = 0, sum_cx = 0, error = 0;
    size_t begin = 0;
    for (int c = 0; c < levels; ++c) {
      const size_t end = c + 1 == levels ? values_.size() : Below(line.low + (c + 0.5) * line.step);
      if (end <= begin) continue;
      const double n = static_cast<double>(end - begin);
      const double x = sums_[end] - sums_[begin];
      const double level = line.low + c * line.step - middle_;
      error += squares_[end] - squares_[begin] - 2 * level * x + n * level * level;
      sum_c += n * c;
      sum_cc += n * c * c;
      sum_cx += x * c;
      begin = end;
    }
    const double n = static_cast<double>(values_.size());
    const double spread = n * sum_cc - sum_c * sum_c;
    if (spread <= 0) return {error, line};
    const double step = (n * sum_cx - sum_c * sums_.back()) / spread;
    if (!(step >= kLeastStep)) return {error, line};
    return {error, {middle_ + (sums_.back() - step * sum_c) / n, step}};
  }

 private:
  // How many values are below `bound`.
  size_t Below(double bound) const {
    return static_cast<size_t>(std::lower_bound(values_.begin(), values_.end(), bound) -
                               values_.begin());
  }

  std::span<const float> values_;
  double middle_;
  std::vector<double> sums_;     // of the first i values less middle_
  std::vector<double> squares_;  // likewise
};

}  // namespace

CodeLevels LearnLevels(std::span<float> values, int levels) {
  const SortedValues sorted(values);
  CodeLevels best = {.low = values.front(), .step = 0};
  double least_error = HUGE_VAL;
  for (const double share : kClippedShares) {
    const size_t clipped = static_cast<size_t>(static_cast<double>(values.size()) * share);
    const double low = values[clipped];
    const double high = values[values.size() - 1 - clipped];
    Line line = {low, (high - low) / (levels - 1)};
    if (!(line.step >= kLeastStep)) continue;
    for (int round = 0; round < kRounds; ++round) {
      const Fit fit = sorted.Assign(line, levels);
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
