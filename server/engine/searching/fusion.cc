#include "server/engine/searching/fusion.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fmt/format.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

constexpr double kRrfKMin = 1, kRrfKMax = 10'000;
constexpr double kWeightMax = 1000;

absl::Status ValidateWeights(std::span<const double> weights, size_t parts) {
  if (weights.empty()) return absl::OkStatus();
  if (weights.size() != parts) {
    return InvalidArgument(reason::kInvalidRequest,
                           "weights: {} given, there are {} parts: one each, or none",
                           weights.size(), parts)
        .Field("weights");
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] >= 0 && weights[i] <= kWeightMax) continue;
    return InvalidArgument(reason::kLimitOutOfRange, "weights[{}]: {} given, must be from 0 to {}",
                           i, weights[i], kWeightMax)
        .Field(fmt::format("weights[{}]", i))
        .With("limit", kWeightMax);
  }
  if (std::any_of(weights.begin(), weights.end(), [](double weight) { return weight > 0; })) {
    return absl::OkStatus();
  }
  return InvalidArgument(reason::kLimitOutOfRange, "weights: one must be above 0").Field("weights");
}

double WeightOf(const Fusion& fusion, size_t part) {
  return std::visit([&](const auto& how) { return how.weights.empty() ? 1.0 : how.weights[part]; },
                    fusion);
}

// A part's scores -> what they count, by WeightedFusion's rules.
class Normaliser {
 public:
  // `rows` are not empty.
  template <typename Row>
  Normaliser(WeightedFusion::Normalisation how, const std::vector<Row>& rows,
             std::optional<float> floor) {
    switch (how) {
      case WeightedFusion::Normalisation::kNone:
        return;
      case WeightedFusion::Normalisation::kMinMax: {
        const auto [least, most] = std::minmax_element(
            rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.score < b.score; });
        SetRange(std::min(least->score, floor.value_or(least->score)), most->score);
        return;
      }
      case WeightedFusion::Normalisation::kZScore: {
        double sum = 0, squares = 0;
        for (const Row& row : rows) sum += row.score;
        const double mean = sum / static_cast<double>(rows.size());
        for (const Row& row : rows) squares += (row.score - mean) * (row.score - mean);
        const double deviation = std::sqrt(squares / static_cast<double>(rows.size()));
        SetRange(mean - 3 * deviation, mean + 3 * deviation);
        return;
      }
    }
  }

  double operator()(double score) const {
    if (!scaled_) return score;
    // Scores that are all the same are all the best.
    if (!(width_ > 0)) return 1;
    return std::clamp((score - least_) / width_, 0.0, 1.0);
  }

 private:
  void SetRange(double least, double most) {
    scaled_ = true;
    least_ = least;
    width_ = most - least;
  }

  bool scaled_ = false;
  double least_ = 0, width_ = 0;
};

// Rounds numbers to multiples of a power of two, such that sums of any of a hit's contributions are
// float32 numbers: with the largest sum below 2^(e+1), and below 2^(e+2) whatever rounding adds,
// multiples of 2^(e-22) need 24 bits.
class Grid {
 public:
  explicit Grid(double largest_sum) {
    if (largest_sum > 0) exponent_ = std::max(std::ilogb(largest_sum) - 22, -149);
  }
  float Round(double value) const {
    return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(value, -exponent_)), exponent_));
  }

 private:
  int exponent_ = -149;
};

}  // namespace

Fusion DefaultFusion(std::span<const HybridQuery::Part> parts) {
  // Words are the surer witness where both speak: with equal weights a weak encoder drags the
  // answer below that of words alone. Measured with the bundled one.
  constexpr double kDenseWeight = 0.4;
  WeightedFusion fusion;
  for (const HybridQuery::Part& part : parts) {
    fusion.weights.push_back(std::holds_alternative<LexicalQuery>(part) ? 1 : kDenseWeight);
  }
  return fusion;
}

absl::Status ValidateFusion(const Fusion& fusion, size_t parts) {
  if (const auto* rrf = std::get_if<RrfFusion>(&fusion)) {
    if (!(rrf->k >= kRrfKMin && rrf->k <= kRrfKMax)) {
      return InvalidArgument(reason::kLimitOutOfRange, "k: {} given, must be from {} to {}", rrf->k,
                             kRrfKMin, kRrfKMax)
          .Field("k")
          .With("limit", kRrfKMax);
    }
  }
  return std::visit([&](const auto& how) { return ValidateWeights(how.weights, parts); }, fusion);
}

FusionPool::FusionPool(std::span<const std::vector<index::Hit>> lists)
    : floors_(lists.size()), rows_(lists.size()) {
  for (const std::vector<index::Hit>& list : lists) {
    for (const index::Hit& hit : list) hits_.push_back({{hit.ordinal, hit.passage_index}, {}});
  }
  std::sort(hits_.begin(), hits_.end(),
            [](const FusedHit& a, const FusedHit& b) { return a.hit.ordinal < b.hit.ordinal; });
  hits_.erase(std::unique(hits_.begin(), hits_.end(),
                          [](const FusedHit& a, const FusedHit& b) {
                            return a.hit.ordinal == b.hit.ordinal;
                          }),
              hits_.end());
  for (FusedHit& hit : hits_) hit.parts.resize(lists.size());
  for (size_t part = 0; part < lists.size(); ++part) {
    for (const index::Hit& hit : lists[part]) {
      const auto at = std::lower_bound(
          hits_.begin(), hits_.end(), hit.ordinal,
          [](const FusedHit& a, uint64_t ordinal) { return a.hit.ordinal < ordinal; });
      rows_[part].push_back({static_cast<size_t>(at - hits_.begin()), hit.score, false});
    }
    Rank(part);
  }
}

std::vector<uint64_t> FusionPool::Missing(size_t part) const {
  std::vector<uint64_t> ordinals;
  for (const FusedHit& hit : hits_) {
    if (!hit.parts[part].score.has_value()) ordinals.push_back(hit.hit.ordinal);
  }
  return ordinals;
}

void FusionPool::Fill(size_t part, std::span<const std::optional<float>> scores,
                      std::optional<float> floor) {
  size_t next = 0;
  for (size_t i = 0; i < hits_.size(); ++i) {
    if (hits_[i].parts[part].score.has_value()) continue;
    KITH_CHECK(next < scores.size(), "a score, or none, for each row that was missing");
    const std::optional<float>& score = scores[next++];
    if (score.has_value()) {
      rows_[part].push_back({i, *score, true});
    } else {
      floors_[part] = floor;
    }
  }
  KITH_CHECK(next == scores.size(), "a score, or none, for each row that was missing");
  Rank(part);
}

// hits_ ascend by ordinal, which breaks ties.
void FusionPool::Rank(size_t part) {
  std::vector<Row>& rows = rows_[part];
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.score != b.score ? a.score > b.score : a.hit < b.hit;
  });
  for (size_t i = 0; i < rows.size(); ++i) {
    PartScore& score = hits_[rows[i].hit].parts[part];
    score.rank = static_cast<uint32_t>(i + 1);
    score.score = rows[i].score;
    score.filled_in = rows[i].filled_in;
  }
}

std::vector<FusedHit> FusionPool::Fuse(const Fusion& fusion) && {
  std::vector<double> sums(hits_.size());
  std::vector<std::vector<double>> values(rows_.size());  // [part][row]
  for (size_t part = 0; part < rows_.size(); ++part) {
    const std::vector<Row>& rows = rows_[part];
    if (rows.empty()) continue;
    const auto* rrf = std::get_if<RrfFusion>(&fusion);
    const Normaliser normalise(rrf != nullptr ? WeightedFusion::Normalisation::kNone
                                              : std::get<WeightedFusion>(fusion).normalisation,
                               rows, floors_[part]);
    const double weight = WeightOf(fusion, part);
    for (size_t i = 0; i < rows.size(); ++i) {
      const double value =
          rrf != nullptr ? 1 / (rrf->k + static_cast<double>(i + 1)) : normalise(rows[i].score);
      values[part].push_back(value);
      sums[rows[i].hit] += std::abs(weight * value);
    }
  }
  const Grid grid(sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end()));
  for (size_t part = 0; part < rows_.size(); ++part) {
    const double weight = WeightOf(fusion, part);
    for (size_t i = 0; i < rows_[part].size(); ++i) {
      FusedHit& hit = hits_[rows_[part][i].hit];
      PartScore& score = hit.parts[part];
      score.normalised = static_cast<float>(values[part][i]);
      score.contribution = grid.Round(weight * values[part][i]);
      hit.hit.score += score.contribution;
    }
  }
  std::sort(hits_.begin(), hits_.end(), [](const FusedHit& a, const FusedHit& b) {
    return a.hit.score != b.hit.score ? a.hit.score > b.hit.score : a.hit.ordinal < b.hit.ordinal;
  });
  return std::move(hits_);
}

}  // namespace kith::engine
