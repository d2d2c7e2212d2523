// ColumnParser: the bytes of one column -> a MetadataColumn, if everything in them is true. Part of
// MetadataIndex::Parse. Internal to index/metadata/.

#ifndef KITH_INDEX_METADATA_COLUMN_PARSER_H_
#define KITH_INDEX_METADATA_COLUMN_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fmt/format.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/metadata_image.h"
#include "kith/base/error.h"

namespace kith::index {

template <typename... Args>
absl::Status MetadataDamage(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "metadata: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

class ColumnParser {
 public:
  // `rows`: of the index. `data`: entry.data_bytes of them. `trusted`: they were made here, and
  // their sizes alone are looked at.
  ColumnParser(const metadata_image::Column& entry, uint32_t rows, std::span<const std::byte> data,
               bool trusted)
      : entry_(entry), rows_(rows), rest_(data), trusted_(trusted) {}

  absl::StatusOr<MetadataColumn> Parse();

 private:
  absl::Status CheckEntry() const;
  absl::Status Place();  // cuts the data into its parts
  absl::Status CheckDictionary() const;
  absl::Status CheckIds() const;
  absl::Status CheckPostings() const;
  const std::byte* Take(uint64_t bytes);  // null: there are not as many
  bool TakePacked(uint64_t count, uint8_t width, Packed& packed);

  const metadata_image::Column& entry_;
  const uint32_t rows_;
  std::span<const std::byte> rest_;
  const bool trusted_;
  bool cut_short_ = false;
  const std::byte* present_ = nullptr;
  MetadataColumn column_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_COLUMN_PARSER_H_
