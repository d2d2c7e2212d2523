// RoaringRows: ascending rows as a Roaring bitmap in its portable format, the one that all Roaring
// libraries share (github.com/RoaringBitmap/RoaringFormatSpec). CRoaring writes it, with containers
// chosen and runs found; it is read in place, since all that is ever wanted of it is to be added to
// a plain bitmap, and since CRoaring does not look at the bytes that it takes. Internal to
// index/metadata/.
//
// A view, cheap to copy; thread-safe.

#ifndef KITH_INDEX_METADATA_ROARING_ROWS_H_
#define KITH_INDEX_METADATA_ROARING_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "index/metadata/bits.h"

namespace kith::index {

class RoaringRows {
 public:
  // Of bytes that were checked, or that RoaringBytes made.
  explicit RoaringRows(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // How many rows the bytes hold, if they are one bitmap from the first byte to the last, and all
  // of its rows are below `rows`; nullopt otherwise. They may be anything.
  static std::optional<uint32_t> Check(std::span<const std::byte> bytes, uint32_t rows);

  // Sets the bits of all rows.
  void AddTo(Bits& bits) const;
  // Calls visit(row) for each row, ascending.
  void ForEach(const std::function<void(uint32_t row)>& visit) const;

 private:
  std::span<const std::byte> bytes_;
};

// REQUIRES: rows ascend, each once; at least one.
std::string RoaringBytes(std::span<const uint32_t> rows);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_ROARING_ROWS_H_
