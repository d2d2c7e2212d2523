// RowSet: some of the rows of a MetadataIndex, read in place from its image, in the form that took
// the fewest bytes: all of them (no bytes), a list, or a bitmap with ranks. Internal to
// index/metadata/; docs/formats/metadata.md has the bytes.
//
// A view, cheap to copy; thread-safe.

#ifndef KITH_INDEX_METADATA_ROW_SET_H_
#define KITH_INDEX_METADATA_ROW_SET_H_

#include <cstddef>
#include <cstdint>

namespace kith::index {

class RowSet {
 public:
  // Stored: never renumber.
  enum class Form : uint8_t { kAll = 0, kList = 1, kBitmap = 2 };

  RowSet() = default;

  Form form() const { return form_; }
  uint32_t rows() const { return rows_; }    // of the index
  uint32_t count() const { return count_; }  // in the set

 private:
  Form form_ = Form::kAll;
  uint32_t rows_ = 0;
  uint32_t count_ = 0;
  const std::byte* bytes_ = nullptr;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_ROW_SET_H_
