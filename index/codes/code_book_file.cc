// The bytes of a code book, all little-endian; changed together with docs/formats/segment.md:
//
//   version u32 | kind u32 | metric u32 | dimension u32
//   unit f64 | error floor f32 | error spread f32
//   origin (l2) or mean (cosine, dot) f32 [dimension]
//   low f32 [dimension]
//   step f32 [dimension]

#include <bit>
#include <cmath>
#include <cstdint>

#include "index/codes/code_book.h"
#include "index/codes/code_layout.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4 * 4 + 8 + 2 * 4;
constexpr uint32_t kMetrics = 3;  // Metric's values, which are stored: 0 cosine, 1 dot, 2 l2

void Put(uint64_t value, size_t bytes, std::string& to) {
  for (size_t i = 0; i < bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void Put(float value, std::string& to) { Put(std::bit_cast<uint32_t>(value), 4, to); }

// Takes from the front. REQUIRES: enough is there.
uint64_t Take(size_t bytes, std::string_view& from) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  }
  from.remove_prefix(bytes);
  return value;
}

float TakeFloat(std::string_view& from) {
  return std::bit_cast<float>(static_cast<uint32_t>(Take(4, from)));
}

template <typename... Args>
absl::Status Damaged(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "code book: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

// Also false for NaN.
bool IsWithin(float value, double least, double most) { return value >= least && value <= most; }

}  // namespace

std::string CodeBook::Serialize() const {
  std::string bytes;
  bytes.reserve(kHeaderBytes + 12 * size_t{dimension_});
  Put(kVersion, 4, bytes);
  Put(static_cast<uint32_t>(kind_), 4, bytes);
  Put(static_cast<uint32_t>(metric_), 4, bytes);
  Put(dimension_, 4, bytes);
  Put(std::bit_cast<uint64_t>(unit_), 8, bytes);
  Put(error_floor_, bytes);
  Put(error_spread_, bytes);
  for (const std::vector<float>* values :
       {metric_ == Metric::kL2 ? &origin_ : &mean_, &low_, &step_}) {
    for (uint32_t i = 0; i < dimension_; ++i) Put((*values)[i], bytes);
  }
  return bytes;
}

absl::StatusOr<CodeBook> CodeBook::Parse(std::string_view bytes) {
  const size_t size = bytes.size();
  if (size < kHeaderBytes) return Damaged("{} bytes, the header has {}", size, kHeaderBytes);
  const uint64_t version = Take(4, bytes);
  if (version != kVersion) return Damaged("version {}, expected {}", version, kVersion);
  const uint64_t kind_number = Take(4, bytes);
  const std::optional<CodeKind> kind = ToCodeKind(static_cast<uint32_t>(kind_number));
  if (!kind.has_value()) return Damaged("kind {} is unknown", kind_number);
  const uint64_t metric = Take(4, bytes);
  if (metric >= kMetrics) return Damaged("metric {} is unknown", metric);
  const uint64_t dimension = Take(4, bytes);
  if (dimension < 1 || dimension > kMaxDimension) {
    return Damaged("dimension {}, expected 1..{}", dimension, kMaxDimension);
  }
  if (size != kHeaderBytes + 12 * dimension) {
    return Damaged("{} bytes, dimension {} has {}", size, dimension, kHeaderBytes + 12 * dimension);
  }
  CodeBook book(*kind, static_cast<Metric>(metric), static_cast<uint32_t>(dimension));
  book.unit_ = std::bit_cast<double>(Take(8, bytes));
  if (!(book.unit_ >= kLeastUnit && book.unit_ <= kGreatestUnit)) {
    return Damaged("unit {}", book.unit_);
  }
  for (float* error : {&book.error_floor_, &book.error_spread_}) {
    *error = TakeFloat(bytes);
    if (!IsWithin(*error, 0, kMaxUnits)) return Damaged("error of distances {}", *error);
  }
  std::vector<float>* const centre = book.metric_ == Metric::kL2 ? &book.origin_ : &book.mean_;
  for (std::vector<float>* values : {centre, &book.low_, &book.step_}) {
    const double most = values == &book.origin_ ? kGreatestUnit : kMaxUnits;
    const double least = values == &book.step_ ? 0 : -most;
    for (uint32_t i = 0; i < book.dimension_; ++i) {
      const float value = TakeFloat(bytes);
      if (!IsWithin(value, least, most)) return Damaged("component {} is {}", i, value);
      (*values)[i] = value;
    }
  }
  book.SetInverses();
  return book;
}

}  // namespace kith::index
