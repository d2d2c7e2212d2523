// The bytes of a sketch book, all little-endian; changed together with docs/formats/segment.md:
//
//   version u32 | metric u32 | dimension u32 | axes u32
//   stretch f32 | floor f32 | CPU nanoseconds of a sketch f32 | codes scored f32
//   axes f32 [axes][dimension] | place of the mean f32 [axes]
//   code book of places, to the end

#include <cmath>
#include <cstdint>
#include <cstring>

#include "index/codes/sketch_book.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kVersion = 1;
constexpr double kMaxPlace = 1e20;  // beyond the norm of any vector that is taken
constexpr float kMaxCost = 1e12f;

struct Head {
  uint32_t version;
  uint32_t metric;
  uint32_t dimension;
  uint32_t axes;
  float stretch;
  float floor;
  float sketch_ns;
  float codes_scored;
};
static_assert(sizeof(Head) == 32);

template <typename... Args>
absl::Status Damaged(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "sketch book: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

std::string SketchBook::Serialize() const {
  const Head head = {.version = kVersion,
                     .metric = static_cast<uint32_t>(metric_),
                     .dimension = dimension_,
                     .axes = kAxes,
                     .stretch = stretch_,
                     .floor = floor_,
                     .sketch_ns = costs_.sketch_ns,
                     .codes_scored = costs_.codes_scored};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  bytes.append(reinterpret_cast<const char*>(axes_.data()), axes_.size() * sizeof(float));
  bytes.append(reinterpret_cast<const char*>(offset_.data()), offset_.size() * sizeof(float));
  return bytes + codes_.Serialize();
}

absl::StatusOr<SketchBook> SketchBook::Parse(std::string_view bytes) {
  Head head;
  if (bytes.size() < sizeof(head)) return Damaged("{} bytes, the head has 32", bytes.size());
  std::memcpy(&head, bytes.data(), sizeof(head));
  bytes.remove_prefix(sizeof(head));
  if (head.version != kVersion) return Damaged("version {}, expected {}", head.version, kVersion);
  // As it stands: an enumerator has one byte of it.
  if (head.metric != static_cast<uint32_t>(Metric::kCosine) &&
      head.metric != static_cast<uint32_t>(Metric::kL2)) {
    return Damaged("metric {} has no sketches", head.metric);
  }
  const auto metric = static_cast<Metric>(head.metric);
  if (head.axes != kAxes) return Damaged("{} axes, expected {}", head.axes, kAxes);
  if (head.dimension < kAxes || head.dimension > kMaxDimension) {
    return Damaged("dimension {}, expected {}..{}", head.dimension, kAxes, kMaxDimension);
  }
  const auto within = [](double value, double least, double most) {
    return value >= least && value <= most;  // false for NaN, too
  };
  if (!within(head.stretch, 0, kMaxStretch) || !within(head.floor, 0, kMaxPlace * kMaxPlace) ||
      !within(head.sketch_ns, 0, kMaxCost) || !within(head.codes_scored, 0, kMaxCost)) {
    return Damaged("stretch {}, floor {}, costs {} and {}", head.stretch, head.floor,
                   head.sketch_ns, head.codes_scored);
  }
  const size_t axes_bytes = size_t{kAxes} * head.dimension * sizeof(float);
  const size_t offset_bytes = kAxes * sizeof(float);
  if (bytes.size() < axes_bytes + offset_bytes) {
    return Damaged("{} bytes of axes, dimension {} has {}", bytes.size(), head.dimension,
                   axes_bytes + offset_bytes);
  }
  KITH_ASSIGN_OR_RETURN(CodeBook codes, CodeBook::Parse(bytes.substr(axes_bytes + offset_bytes)));
  if (codes.kind() != CodeKind::kInt8 || codes.metric() != Metric::kL2 ||
      codes.dimension() != kAxes) {
    return Damaged("a code book of {} components", codes.dimension());
  }
  SketchBook book(metric, head.dimension, std::move(codes));
  book.stretch_ = head.stretch;
  book.floor_ = head.floor;
  book.costs_ = {head.sketch_ns, head.codes_scored};
  book.axes_.resize(size_t{kAxes} * head.dimension);
  std::memcpy(book.axes_.data(), bytes.data(), axes_bytes);
  std::memcpy(book.offset_.data(), bytes.data() + axes_bytes, offset_bytes);
  for (const float x : book.axes_) {
    if (!within(x, -1.001, 1.001)) return Damaged("an axis has a component {}", x);
  }
  for (const float x : book.offset_) {
    if (!within(x, -kMaxPlace, kMaxPlace)) return Damaged("the mean's place is {}", x);
  }
  return book;
}

}  // namespace kith::index
