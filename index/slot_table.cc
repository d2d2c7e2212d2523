#include "index/slot_table.h"

#include <bit>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

// Both the file and the machine: see docs/formats/segment.md.
static_assert(std::endian::native == std::endian::little, "segment files are little-endian");

ErrorBuilder Damaged(const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{}", what);
}

}  // namespace

absl::StatusOr<SlotTable> SlotTable::Over(OrdinalRange range, std::span<const std::byte> offsets,
                                          std::span<const std::byte> passages) {
  const size_t rows = offsets.size() / sizeof(uint32_t);
  const size_t width = rows == 0 ? 0 : passages.size() / rows;
  if (offsets.size() % sizeof(uint32_t) != 0 || rows == 0 || rows > UINT32_MAX ||
      passages.size() != rows * width || !(width <= 2 || width == 4)) {
    return Damaged(fmt::format("{} bytes of ordinals and {} of passage numbers do not fit",
                               offsets.size(), passages.size()));
  }
  SlotTable table;
  table.base_ = range.begin;
  table.offsets_ = {reinterpret_cast<const uint32_t*>(offsets.data()), rows};
  table.passages_ = passages.data();
  table.width_ = static_cast<uint32_t>(width);
  uint64_t least = range.begin;
  for (uint32_t slot = 0; slot < rows; ++slot) {
    const uint64_t ordinal = table.Ordinal(slot);
    if (ordinal < least || ordinal >= range.end || table.PassageIndex(slot) > ordinal) {
      return Damaged(fmt::format("slot {} has ordinal {} and passage number {} in the range {}..{}",
                                 slot, ordinal, table.PassageIndex(slot), range.begin, range.end));
    }
    least = ordinal + 1;
  }
  return table;
}

void SlotTableMaker::Add(uint64_t ordinal, uint32_t passage_index) {
  KITH_CHECK(range_.Contains(ordinal) && ordinal - range_.begin <= UINT32_MAX,
             "a segment's ordinals are within its range, which 32 bits can count");
  const auto offset = static_cast<uint32_t>(ordinal - range_.begin);
  KITH_CHECK(offsets_.empty() || offset > offsets_.back(), "ordinals ascend");
  offsets_.push_back(offset);
  passages_.push_back(passage_index);
  greatest_passage_ = std::max(greatest_passage_, passage_index);
}

std::string SlotTableMaker::Offsets() const {
  return {reinterpret_cast<const char*>(offsets_.data()), offsets_.size() * sizeof(uint32_t)};
}

std::string SlotTableMaker::Passages() const {
  const size_t width = greatest_passage_ == 0        ? 0
                       : greatest_passage_ <= 0xff   ? 1
                       : greatest_passage_ <= 0xffff ? 2
                                                     : 4;
  std::string bytes(passages_.size() * width, '\0');
  for (size_t slot = 0; slot < passages_.size() && width > 0; ++slot) {
    std::memcpy(bytes.data() + slot * width, &passages_[slot], width);
  }
  return bytes;
}

}  // namespace kith::index
