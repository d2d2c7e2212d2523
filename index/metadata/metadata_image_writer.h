// MetadataImageWriter: columns in ascending order -> the image of a MetadataIndex. What
// MetadataBuilder and the folds have in common. Internal to index/metadata/.
//
// Not thread-safe.

#ifndef KITH_INDEX_METADATA_METADATA_IMAGE_WRITER_H_
#define KITH_INDEX_METADATA_METADATA_IMAGE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/metadata/metadata_image.h"
#include "index/metadata/metadata_row.h"
#include "index/metadata/value_view.h"

namespace kith::index {

// A column before it has its form.
struct ColumnDraft {
  std::string_view field;
  FieldType type = FieldType::kKeyword;
  std::vector<ValueView> values;   // ascending, each once, each of some row
  std::vector<uint32_t> rows;      // that have the field, ascending
  std::vector<uint32_t> ids;       // into values: one a row; in a column of lists ascending by row
  std::vector<uint64_t> row_ends;  // in a column of lists: where each row's ids end
};

class MetadataImageWriter {
 public:
  // `slots`: of the rows, ascending. `heads`: rows, ascending. Both must outlive the writer.
  MetadataImageWriter(uint64_t stamp, std::span<const uint32_t> slots,
                      std::span<const uint32_t> heads);

  // The next column; one without rows is left out. REQUIRES: (field, type) is above that of the
  // column before.
  void Add(const ColumnDraft& draft);

  // The image. The writer is of no use afterwards.
  std::string Finish();

 private:
  void AddDictionary(const ColumnDraft& draft, metadata_image::Column& entry);
  void AddPostings(const ColumnDraft& draft, metadata_image::Column& entry);

  const uint64_t stamp_;
  const std::span<const uint32_t> slots_;
  const std::span<const uint32_t> heads_;
  std::vector<metadata_image::Column> entries_;
  std::string data_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_IMAGE_WRITER_H_
