// The bytes of a RecallCurve: docs/formats/segment.md.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "index/recall_curve.h"
#include "index/search.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

struct Fixed {
  uint32_t rows;
  uint32_t samples;
  float walk_ns;
  float scan_ns;
  float rescore_ns;
  uint32_t walks;
};

using Points = RecallCurve::Points;
using Walk = RecallCurve::Walk;
static_assert(sizeof(Points) ==
              RecallCurve::kRanks.size() * RecallCurve::kCapFactors.size() * 3 * sizeof(float));
static_assert(sizeof(Walk) == 8 + sizeof(Points) && std::is_trivially_copyable_v<Walk>);

bool Sensible(const Points& points) {
  return std::all_of(points.begin(), points.end(), [](const auto& caps) {
    return std::all_of(caps.begin(), caps.end(), [](const RecallCurve::Point& point) {
      return point.recall >= 0 && point.recall <= 1 && point.error >= 0 && point.error <= 1 &&
             point.rescored >= 0 && point.rescored <= 4294967295.0f;
    });
  });
}

bool Positive(float value) { return value > 0 && value <= 1e9f; }

}  // namespace

std::string RecallCurve::Serialize() const {
  const Fixed fixed = {data_.rows,    data_.samples,    data_.walk_ns,
                       data_.scan_ns, data_.rescore_ns, static_cast<uint32_t>(data_.walks.size())};
  std::string bytes(sizeof(fixed) + sizeof(Points) + data_.walks.size() * sizeof(Walk), '\0');
  std::memcpy(bytes.data(), &fixed, sizeof(fixed));
  std::memcpy(bytes.data() + sizeof(fixed), &data_.scan, sizeof(Points));
  if (!data_.walks.empty()) {
    std::memcpy(bytes.data() + sizeof(fixed) + sizeof(Points), data_.walks.data(),
                data_.walks.size() * sizeof(Walk));
  }
  return bytes;
}

absl::StatusOr<RecallCurve> RecallCurve::Parse(std::span<const std::byte> bytes) {
  Fixed fixed = {};
  Data data;
  if (bytes.size() >= sizeof(fixed) + sizeof(Points)) {
    std::memcpy(&fixed, bytes.data(), sizeof(fixed));
    std::memcpy(&data.scan, bytes.data() + sizeof(fixed), sizeof(Points));
  }
  if (fixed.walks > kMaxWalks ||
      bytes.size() != sizeof(fixed) + sizeof(Points) + fixed.walks * sizeof(Walk)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "a recall curve of {} walks does not have {} bytes", fixed.walks, bytes.size());
  }
  data.rows = fixed.rows;
  data.samples = fixed.samples;
  data.walk_ns = fixed.walk_ns;
  data.scan_ns = fixed.scan_ns;
  data.rescore_ns = fixed.rescore_ns;
  data.walks.resize(fixed.walks);
  if (fixed.walks > 0) {
    std::memcpy(data.walks.data(), bytes.data() + sizeof(fixed) + sizeof(Points),
                fixed.walks * sizeof(Walk));
  }
  bool sensible = Positive(data.walk_ns) && Positive(data.scan_ns) && Positive(data.rescore_ns) &&
                  Sensible(data.scan);
  uint32_t ef = 0;
  for (const Walk& walk : data.walks) {
    sensible = sensible && walk.ef > ef && walk.ef <= kMaxEf && walk.distances >= 0 &&
               walk.distances <= 1e12f && Sensible(walk.points);
    ef = walk.ef;
  }
  if (!sensible) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "a recall curve has numbers that no measurement gives");
  }
  return RecallCurve(std::move(data));
}

}  // namespace kith::index
