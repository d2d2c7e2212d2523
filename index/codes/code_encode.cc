// CodeBook::Encode. For the idea of balanced rounding see code_book.h; the choice here is greedy: a
// component that goes to its second nearest level costs step^2 (1 - 2 |e|) of squared error, with e
// its error in steps, and turns the row's error by step |x| along the row. So those with the least
// (1 - 2 |e|) / |x| go first, until no further one brings the error nearer to a right angle. A row
// of 384 components needs about ten, all of them almost half-way between two levels.
//
// Which those are is found without sorting all: if errors are spread evenly, half of the components
// turn the right way and a share of |x| t of them costs less than t, so that those below
// t = 2 |along| / sum(x^2 step) turn as much as is needed. Twice that many are looked at, and four
// times as far again in the rare case that it was not enough.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "index/codes/code_book.h"
#include "index/codes/code_layout.h"
#include "index/codes/half.h"
#include "index/codes/lanes.h"

namespace kith::index {
namespace {

// Adding and subtracting 1.5 * 2^23 rounds to an integer, half to even.
constexpr float kRounder = 12582912.0f;

constexpr float kNever = 3e38f;

// Components that would cost more per unit turned are left as they are; the least is where a search
// for candidates begins at the latest.
constexpr float kLeastCost = 1e-30f;
constexpr float kMostCost = 1e18f;

struct Candidate {
  float cost;
  uint32_t component;

  bool operator<(const Candidate& other) const {
    return cost != other.cost ? cost < other.cost : component < other.component;
  }
};

// A row on its way to codes; components beyond the dimension have axis 0 and code 0.
struct Rounding {
  alignas(64) std::array<float, kMaxDimension> axis;   // along which the error must vanish
  alignas(64) std::array<float, kMaxDimension> error;  // in steps; beyond +-0.5 only if clipped
  alignas(64) std::array<float, kMaxDimension> code;
  alignas(64) std::array<float, kMaxDimension> gap;  // 1 - 2 |error|; kNever: must not move
};

// A code that is too high goes down.
float Move(float error) { return error > 0 ? -1.0f : 1.0f; }

// Moves codes by one so that `along`, the sum of axis step error, comes near 0.
void Balance(const float* steps, size_t n, float last_code, float along, Rounding& row) {
  const float sign = along > 0 ? 1.0f : -1.0f;
  for (size_t i = 0; i < n; ++i) {
    const float error = row.error[i];
    const float to = row.code[i] + Move(error);
    const int turns = row.axis[i] * steps[i] * error * sign > 0;
    const int exists = static_cast<int>(to >= 0) & static_cast<int>(to <= last_code);
    row.gap[i] = (turns & exists) != 0 ? 1 - 2 * std::fabs(error) : kNever;
  }
  const float turn = SumOf(n, [&](size_t i) { return row.axis[i] * row.axis[i] * steps[i]; });
  if (!(turn > 0) || along == 0) return;
  std::array<Candidate, kMaxDimension> candidates;
  float from = -1;
  float limit = std::clamp(4 * std::fabs(along) / turn, kLeastCost, kMostCost);
  for (bool enough = false; !enough && from < kMostCost;) {
    size_t count = 0;
    for (uint32_t i = 0; i < n; ++i) {
      const float length = std::fabs(row.axis[i]);
      candidates[count].component = i;
      const int below = row.gap[i] < limit * length;
      const int above = row.gap[i] >= from * length;
      count += static_cast<size_t>(below & above);
    }
    for (size_t c = 0; c < count; ++c) {
      const uint32_t i = candidates[c].component;
      candidates[c].cost = row.gap[i] / std::fabs(row.axis[i]);
    }
    std::sort(candidates.begin(), candidates.begin() + count);
    for (size_t c = 0; c < count; ++c) {
      const uint32_t i = candidates[c].component;
      const float move = Move(row.error[i]);
      const float turned = along + move * row.axis[i] * steps[i];
      if (std::fabs(turned) >= std::fabs(along)) {
        enough = true;  // but a smaller one may still fit
        continue;
      }
      along = turned;
      row.code[i] += move;
    }
    from = limit;
    limit = std::min(4 * limit, kMostCost);
  }
}

}  // namespace

void CodeBook::Encode(const float* row, std::byte* code) const {
  uint8_t* bytes = reinterpret_cast<uint8_t*>(code);
  std::memset(bytes, 0, row_bytes_);
  alignas(64) std::array<float, kMaxDimension> units;
  ToUnits(row, units.data());
  if (kind_ == CodeKind::kInt4 || kind_ == CodeKind::kInt8) {
    EncodeLevels(units.data(), bytes);
  } else {
    EncodeFloats(units.data(), bytes);
  }
  if (addend_offset_ != 0) {
    const float addend = SumOf(padded_, [&](size_t i) { return units[i] * units[i]; });
    std::memcpy(bytes + addend_offset_, &addend, sizeof addend);
  }
}

// r of code_book.h, zeros up to padded_.
void CodeBook::ToUnits(const float* row, float* units) const {
  const Factors scale = SplitFactor(RowScale(row));
  for (size_t i = 0; i < dimension_; ++i) units[i] = InUnits(row, scale, i);
  std::fill(units + dimension_, units + padded_, 0.0f);
}

void CodeBook::EncodeLevels(const float* units, uint8_t* bytes) const {
  Rounding rounding;
  const float last_code = kind_ == CodeKind::kInt4 ? 15 : 255;
  const float* low = low_.data();
  const float* inverse_step = inverse_step_.data();
  const float* mean = mean_.data();
  const float* steps = step_.data();
  const size_t n = padded_;
  for (size_t i = 0; i < n; ++i) {
    const float position = (units[i] - low[i]) * inverse_step[i];
    const float inside = std::min(std::max(position, 0.0f), last_code);
    const float nearest = (inside + kRounder) - kRounder;
    rounding.code[i] = nearest;
    rounding.error[i] = nearest - position;
    rounding.axis[i] = units[i] + mean[i];
  }
  const float along =
      SumOf(n, [&](size_t i) { return rounding.axis[i] * (rounding.error[i] * steps[i]); });
  Balance(steps, n, last_code, along, rounding);
  const float* codes = rounding.code.data();
  if (kind_ == CodeKind::kInt8) {
    for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(static_cast<int>(codes[i]));
    return;
  }
  std::fill(rounding.code.begin() + n, rounding.code.begin() + PaddedTo(n, kInt4Run), 0.0f);
  for (size_t run = 0; run < n; run += kInt4Run, bytes += kInt4Half) {
    for (size_t i = 0; i < kInt4Half; ++i) {
      // At most 15 + 16 * 15: exact.
      bytes[i] =
          static_cast<uint8_t>(static_cast<int>(codes[run + i] + 16 * codes[run + kInt4Half + i]));
    }
  }
}

void CodeBook::EncodeFloats(const float* units, uint8_t* bytes) const {
  if (kind_ == CodeKind::kF32) {
    std::memcpy(bytes, units, dimension_ * sizeof(float));
    return;
  }
  for (size_t i = 0; i < dimension_; ++i) {
    const uint16_t half = ToHalf(std::clamp(units[i] * inverse_step_[i], -kMaxHalf, kMaxHalf));
    bytes[2 * i] = static_cast<uint8_t>(half);
    bytes[2 * i + 1] = static_cast<uint8_t>(half >> 8);
  }
}

}  // namespace kith::index
