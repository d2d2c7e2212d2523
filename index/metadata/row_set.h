// RowSet: some of the rows of a MetadataIndex, read in place from its image, in the form that took
// the fewest bytes: all of them (no bytes), a list, or a bitmap with ranks. Internal to
// index/metadata/; docs/formats/metadata.md has the bytes.
//
// The *rank* of a row is how many rows of the set are before it: what a row has is stored by rank.
//
// A view, cheap to copy; thread-safe.

#ifndef KITH_INDEX_METADATA_ROW_SET_H_
#define KITH_INDEX_METADATA_ROW_SET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "index/metadata/bits.h"
#include "index/metadata/packed.h"

namespace kith::index {

class RowSet {
 public:
  // Stored: never renumber.
  enum class Form : uint8_t { kAll = 0, kList = 1, kBitmap = 2 };

  // Of no rows.
  RowSet() = default;

  // How many bytes the form takes. REQUIRES: count <= rows.
  static size_t BytesOf(Form form, uint32_t rows, uint32_t count);

  // Over bytes that may be anything, BytesOf of them; nullopt if they are no such set.
  static std::optional<RowSet> Over(Form form, uint32_t rows, uint32_t count,
                                    const std::byte* bytes);

  // The members, ascending, each once, in the form that is smallest.
  static Form Append(std::string& out, uint32_t rows, std::span<const uint32_t> members);

  uint32_t rows() const { return rows_; }    // of the index
  uint32_t count() const { return count_; }  // in the set
  bool all() const { return count_ == rows_; }

  // The rank of the row, if it is in the set. A list is searched, the others are looked up.
  std::optional<uint32_t> Rank(uint32_t row) const;
  bool Contains(uint32_t row) const { return Rank(row).has_value(); }

  // Sets the bits of all rows of the set.
  void AddTo(Bits& bits) const;

  // Calls visit(row, rank) for each row of the set, ascending.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    if (form_ == Form::kAll) {
      for (uint32_t row = 0; row < rows_; ++row) visit(row, row);
    } else if (form_ == Form::kList) {
      for (uint32_t i = 0; i < count_; ++i) visit(LoadAt<uint32_t>(bytes_, i), i);
    } else {
      uint32_t rank = 0;
      for (uint32_t w = 0; w < SlotSet::WordsFor(rows_); ++w) {
        for (auto word = LoadAt<uint64_t>(bytes_, w); word != 0; word &= word - 1) {
          visit(w * 64 + static_cast<uint32_t>(std::countr_zero(word)), rank++);
        }
      }
    }
  }

 private:
  // A bitmap: its words, then for each group of so many of them how many rows are before it, u32.
  static constexpr uint32_t kGroupWords = 8;

  Form form_ = Form::kAll;
  uint32_t rows_ = 0;
  uint32_t count_ = 0;
  const std::byte* bytes_ = nullptr;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_ROW_SET_H_
