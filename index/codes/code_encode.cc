// CodeBook::Encode. For the idea of balanced rounding see code_book.h; the choice here is greedy: a
// component that goes to its second nearest level costs step (step - 2 |e|) of squared error and
// turns the row's error by step |x_i| along the row, so those with the least (step - 2 |e|) / |x_i|
// go first, until no further one brings the error nearer to a right angle. A row of 384 components
// needs about ten, all of them almost half-way between two levels.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include "index/codes/code_book.h"
#include "index/codes/code_layout.h"
#include "index/codes/half.h"

namespace kith::index {
namespace {

// Candidates that would turn the error too far are passed over; after so many the rest is left.
constexpr int kMostPassedOver = 16;

float InUnits(float x, double scale, float mean) {
  return static_cast<float>(std::clamp(x * scale - mean, -kMaxUnits, kMaxUnits));
}

// A row on its way to codes.
struct Rounding {
  std::array<float, kMaxDimension> axis;  // along which the error must vanish
  std::array<float, kMaxDimension>
      error;  // of the code as it is, in steps: -0.5..0.5 unless clipped
  std::array<uint8_t, kMaxDimension> code;
};

using Candidate = std::pair<float, uint32_t>;  // cost, component

// `along` is the sum of axis_i step_i error_i, which is brought to 0.
void Balance(std::span<const float> steps, int last_code, double along, Rounding& row) {
  std::array<Candidate, kMaxDimension> candidates;
  size_t count = 0;
  const float sign = along > 0 ? 1.0f : -1.0f;
  for (uint32_t i = 0; i < steps.size(); ++i) {
    // A code that is too high goes down.
    const int to = row.error[i] > 0 ? row.code[i] - 1 : row.code[i] + 1;
    const bool turns = row.axis[i] * row.error[i] * sign > 0;
    const float cost = (1 - 2 * std::fabs(row.error[i])) / std::fabs(row.axis[i]);
    candidates[count] = {cost, i};
    count += turns & (to >= 0) & (to <= last_code) & (steps[i] > 0) ? 1 : 0;
  }
  const auto begin = candidates.begin();
  auto end = begin + count;
  std::make_heap(begin, end, std::greater<>());
  for (int passed_over = 0; begin != end && passed_over < kMostPassedOver; --end) {
    std::pop_heap(begin, end, std::greater<>());
    const uint32_t i = (end - 1)->second;
    const int move = row.error[i] > 0 ? -1 : 1;
    const double turned = along + move * double{row.axis[i]} * steps[i];
    if (std::fabs(turned) < std::fabs(along)) {
      along = turned;
      row.code[i] = static_cast<uint8_t>(row.code[i] + move);
    } else {
      ++passed_over;
    }
  }
}

}  // namespace

void CodeBook::Encode(const float* row, std::byte* code) const {
  uint8_t* bytes = reinterpret_cast<uint8_t*>(code);
  std::memset(bytes, 0, row_bytes_);
  if (kind_ == CodeKind::kInt4 || kind_ == CodeKind::kInt8) {
    EncodeLevels(row, bytes);
  } else {
    EncodeFloats(row, bytes);
  }
}

void CodeBook::EncodeLevels(const float* row, uint8_t* bytes) const {
  Rounding rounding;
  const double scale = RowScale(row);
  const float last_code = kind_ == CodeKind::kInt4 ? 15 : 255;
  double square = 0;
  double along = 0;
  for (uint32_t i = 0; i < dimension_; ++i) {
    const float r = InUnits(row[i], scale, mean_[i]);
    const float position = (r - low_[i]) * inverse_step_[i];
    const int nearest = static_cast<int>(std::clamp(position, 0.0f, last_code) + 0.5f);
    rounding.code[i] = static_cast<uint8_t>(nearest);
    rounding.error[i] = static_cast<float>(nearest) - position;
    // Under l2 what matters of a query is q - m; otherwise q itself.
    rounding.axis[i] = metric_ == Metric::kL2 ? r : r + mean_[i];
    square += double{r} * r;
    along += double{rounding.axis[i]} * step_[i] * rounding.error[i];
  }
  Balance(step_, static_cast<int>(last_code), along, rounding);
  if (kind_ == CodeKind::kInt4) {
    for (uint32_t i = 0; i < dimension_; ++i) {
      bytes[i / 2] = static_cast<uint8_t>(bytes[i / 2] | rounding.code[i] << (i % 2 * 4));
    }
  } else {
    std::memcpy(bytes, rounding.code.data(), dimension_);
  }
  PutAddend(square, bytes);
}

void CodeBook::EncodeFloats(const float* row, uint8_t* bytes) const {
  const double scale = RowScale(row);
  double square = 0;
  for (uint32_t i = 0; i < dimension_; ++i) {
    const float r = InUnits(row[i], scale, mean_[i]);
    square += double{r} * r;
    if (kind_ == CodeKind::kF16) {
      const uint16_t half = ToHalf(std::clamp(r * inverse_step_[i], -kMaxHalf, kMaxHalf));
      bytes[2 * i] = static_cast<uint8_t>(half);
      bytes[2 * i + 1] = static_cast<uint8_t>(half >> 8);
    } else {
      std::memcpy(bytes + 4 * i, &r, sizeof r);
    }
  }
  PutAddend(square, bytes);
}

void CodeBook::PutAddend(double square, uint8_t* bytes) const {
  if (addend_offset_ == 0) return;
  const float addend = static_cast<float>(std::min(square, kMaxUnits * kMaxUnits));
  std::memcpy(bytes + addend_offset_, &addend, sizeof addend);
}

}  // namespace kith::index
