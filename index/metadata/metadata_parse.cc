// MetadataIndex::Parse: nothing that an image says is believed before it was looked at.

#include <xxhash.h>

#include <string>
#include <utility>

#include "index/metadata/column_parser.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/metadata_image.h"
#include "index/metadata/metadata_index.h"
#include "index/metadata/packed.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using metadata_image::Column;
using metadata_image::Header;

absl::Status CheckHeader(const Header& header, uint64_t image_bytes, uint32_t slots) {
  if (header.magic != metadata_image::kMagic) {
    return MetadataDamage("magic {:016x}", header.magic);
  }
  if (header.version != metadata_image::kVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "metadata: version {}, this program reads {}", header.version,
                 metadata_image::kVersion);
  }
  if (header.size_bytes != image_bytes) {
    return MetadataDamage("{} bytes expected, {} there", header.size_bytes, image_bytes);
  }
  if (header.rows == 0 || header.first_slot >= slots || header.rows > slots - header.first_slot) {
    return MetadataDamage("{} rows from slot {} on, in a segment of {}", header.rows,
                          header.first_slot, slots);
  }
  if (header.slots_listed > 1 || header.heads > header.rows || header.heads_form > 2 ||
      header.reserved_low != 0 || header.reserved_high != 0) {
    return MetadataDamage("{} heads of form {}, slots of form {}, reserved {} and {}", header.heads,
                          header.heads_form, header.slots_listed, header.reserved_low,
                          header.reserved_high);
  }
  return absl::OkStatus();
}

absl::Status CheckChecksum(std::span<const std::byte> image) {
  const size_t size = image.size() - metadata_image::kChecksumBytes;
  const auto stored = LoadAt<uint64_t>(image.data() + size, 0);
  const uint64_t computed = XXH3_64bits(image.data(), size);
  if (stored == computed) return absl::OkStatus();
  return MetadataDamage("checksum {:016x}, computed {:016x}", stored, computed);
}

absl::Status CheckSlots(const std::byte* listed, const Header& header, uint32_t slots) {
  for (uint32_t row = 0; row < header.rows; ++row) {
    const auto slot = LoadAt<uint32_t>(listed, row);
    const bool good =
        row == 0 ? slot == header.first_slot : slot > LoadAt<uint32_t>(listed, row - 1);
    if (!good || slot >= slots) return MetadataDamage("row {} is slot {}", row, slot);
  }
  return absl::OkStatus();
}

}  // namespace

class MetadataParser {
 public:
  // `trusted`: the image was made here.
  MetadataParser(std::span<const std::byte> image, uint32_t slots, bool trusted)
      : image_(image), slots_(slots), trusted_(trusted) {}

  absl::Status ParseInto(MetadataIndex& index) {
    if (image_.size() < sizeof(Header) + metadata_image::kChecksumBytes) {
      return MetadataDamage("{} bytes, at least {}", image_.size(),
                            sizeof(Header) + metadata_image::kChecksumBytes);
    }
    const auto header = LoadAt<Header>(image_.data(), 0);
    KITH_RETURN_IF_ERROR(CheckHeader(header, image_.size(), slots_));
    if (!trusted_) KITH_RETURN_IF_ERROR(CheckChecksum(image_));
    rest_ = image_.subspan(sizeof(Header),
                           image_.size() - sizeof(Header) - metadata_image::kChecksumBytes);
    KITH_ASSIGN_OR_RETURN(const auto entries, Take(sizeof(Column) * uint64_t{header.columns}));

    index.image_ = image_;
    index.rows_ = header.rows;
    index.stamp_ = header.stamp;
    index.first_slot_ = header.first_slot;
    index.last_slot_ = header.first_slot + (header.rows - 1);
    if (header.slots_listed != 0) {
      KITH_ASSIGN_OR_RETURN(index.slots_, Take(sizeof(uint32_t) * uint64_t{header.rows}));
      if (!trusted_) KITH_RETURN_IF_ERROR(CheckSlots(index.slots_.data(), header, slots_));
      index.last_slot_ = LoadAt<uint32_t>(index.slots_.data(), header.rows - 1);
    }
    const auto form = static_cast<RowSet::Form>(header.heads_form);
    KITH_ASSIGN_OR_RETURN(const auto heads, Take(RowSet::BytesOf(form, header.rows, header.heads)));
    const auto set = RowSet::Over(form, header.rows, header.heads, heads.data());
    if (!set.has_value()) return MetadataDamage("{} heads of {} rows", header.heads, header.rows);
    index.heads_ = *set;
    return ParseColumns(entries.data(), header.columns, index);
  }

 private:
  absl::StatusOr<std::span<const std::byte>> Take(uint64_t bytes) {
    if (bytes > rest_.size()) {
      return MetadataDamage("{} bytes needed, {} left", bytes, rest_.size());
    }
    const auto part = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return part;
  }

  absl::Status ParseColumns(const std::byte* entries, uint32_t count, MetadataIndex& index) {
    index.columns_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      const auto entry = LoadAt<Column>(entries, i);
      KITH_ASSIGN_OR_RETURN(const auto data, Take(entry.data_bytes));
      KITH_ASSIGN_OR_RETURN(const MetadataColumn column,
                            ColumnParser(entry, index.rows_, data, trusted_).Parse());
      if (i > 0) {
        const MetadataColumn& last = index.columns_.back();
        if (std::pair(last.field(), last.type()) >= std::pair(column.field(), column.type())) {
          return MetadataDamage("the columns of {} and {} are out of order", Quoted(last.field()),
                                Quoted(column.field()));
        }
      }
      index.columns_.push_back(column);
    }
    if (!rest_.empty()) return MetadataDamage("{} bytes behind the last column", rest_.size());
    return absl::OkStatus();
  }

  const std::span<const std::byte> image_;
  const uint32_t slots_;
  const bool trusted_;
  std::span<const std::byte> rest_;
};

absl::StatusOr<std::shared_ptr<const MetadataIndex>> MetadataIndex::Parse(
    std::span<const std::byte> image, std::shared_ptr<const void> owner, uint32_t slots) {
  const std::shared_ptr<MetadataIndex> index(new MetadataIndex());
  KITH_RETURN_IF_ERROR(MetadataParser(image, slots, /*trusted=*/false).ParseInto(*index));
  index->owner_ = std::move(owner);
  return std::shared_ptr<const MetadataIndex>(index);
}

std::shared_ptr<const MetadataIndex> MetadataIndex::Own(std::string image) {
  const auto owner = std::make_shared<const std::string>(std::move(image));
  const std::shared_ptr<MetadataIndex> index(new MetadataIndex());
  const auto bytes = std::as_bytes(std::span(*owner));
  KITH_CHECK(MetadataParser(bytes, kMaxSlots, /*trusted=*/true).ParseInto(*index).ok(),
             "an image that was made here can be read");
  index->owner_ = owner;
  return index;
}

}  // namespace kith::index
