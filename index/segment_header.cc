#include "index/segment_header.h"

#include <bit>
#include <cstring>

#include "kith/base/check.h"
#include "kith/base/status_macros.h"
#include "xxhash.h"

namespace kith::index {
namespace {

static_assert(std::endian::native == std::endian::little, "segment files are little-endian");

constexpr std::string_view kMagic = "KITHSEAL";
constexpr uint32_t kVersion = 1;
constexpr size_t kSectionsAt = 64;
constexpr size_t kSectionBytes = 24;
constexpr size_t kChecksumAt = kHeaderBytes - sizeof(uint64_t);
// Beyond what any disk holds; keeps sums of sizes from overflowing.
constexpr uint64_t kMaxBodyBytes = uint64_t{1} << 56;

static_assert(kSectionsAt + kMaxSections * kSectionBytes <= kChecksumAt);

template <typename T>
void Store(std::string& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

template <typename T>
T LoadAt(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

uint64_t Aligned(uint64_t offset) {
  return (offset + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}

}  // namespace

uint64_t LayOut(SegmentHeader& header) {
  uint64_t end = 0;
  for (SegmentHeader::Section& section : header.sections) {
    section.offset = Aligned(end);
    end = section.offset + section.size;
  }
  return end;
}

std::string EncodeHeader(const SegmentHeader& header, uint64_t body_bytes) {
  KITH_CHECK(header.sections.size() <= kMaxSections, "a header has room for its sections");
  std::string bytes(kHeaderBytes, '\0');
  kMagic.copy(bytes.data(), kMagic.size());
  Store(bytes, 8, kVersion);
  Store(bytes, 12, static_cast<uint32_t>(header.kind));
  Store(bytes, 16, static_cast<uint32_t>(header.metric));
  Store(bytes, 20, header.dimension);
  Store(bytes, 24, header.rows);
  Store(bytes, 28, static_cast<uint32_t>(header.sections.size()));
  Store(bytes, 32, header.range.begin);
  Store(bytes, 40, header.range.end);
  Store(bytes, 48, header.rows_checksum);
  Store(bytes, 56, body_bytes);
  size_t at = kSectionsAt;
  for (const SegmentHeader::Section& section : header.sections) {
    Store(bytes, at, static_cast<uint32_t>(section.kind));
    Store(bytes, at + 8, section.offset);
    Store(bytes, at + 16, section.size);
    at += kSectionBytes;
  }
  Store(bytes, kChecksumAt, HeaderChecksum(bytes));
  return bytes;
}

uint64_t HeaderChecksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), kChecksumAt); }

absl::StatusOr<DecodedHeader> DecodeHeader(std::string_view bytes, const std::string& path) {
  const auto damage = [&](const std::string& what) {
    return FileDamage(path, 0, kHeaderBytes, what);
  };
  if (!bytes.starts_with(kMagic)) return damage("it is not a segment file");
  if (HeaderChecksum(bytes) != LoadAt<uint64_t>(bytes, kChecksumAt)) {
    return damage("the header's checksum is wrong");
  }
  if (const auto version = LoadAt<uint32_t>(bytes, 8); version != kVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "{} has format version {}, this Kith reads version {}", path, version, kVersion)
        .With("file", path)
        .With("version", version);
  }
  DecodedHeader decoded;
  SegmentHeader& header = decoded.header;
  header.kind = static_cast<SegmentFileKind>(LoadAt<uint32_t>(bytes, 12));
  const auto metric = LoadAt<uint32_t>(bytes, 16);
  header.metric = static_cast<Metric>(metric);
  header.dimension = LoadAt<uint32_t>(bytes, 20);
  header.rows = LoadAt<uint32_t>(bytes, 24);
  const auto sections = LoadAt<uint32_t>(bytes, 28);
  header.range = {LoadAt<uint64_t>(bytes, 32), LoadAt<uint64_t>(bytes, 40)};
  header.rows_checksum = LoadAt<uint64_t>(bytes, 48);
  decoded.body_bytes = LoadAt<uint64_t>(bytes, 56);
  if (metric > static_cast<uint32_t>(Metric::kL2) || header.dimension < 1 ||
      header.dimension > kMaxDimension || header.rows < 1 || sections > kMaxSections ||
      header.range.begin >= header.range.end ||
      header.range.end - header.range.begin > uint64_t{1} << 32 ||
      header.rows > header.range.end - header.range.begin || decoded.body_bytes > kMaxBodyBytes) {
    return damage(fmt::format(
        "the header makes no sense: metric {}, dimension {}, {} rows in the range {}..{}, {} "
        "sections, body of {} bytes",
        metric, header.dimension, header.rows, header.range.begin, header.range.end, sections,
        decoded.body_bytes));
  }
  uint64_t end = 0;
  for (uint32_t i = 0; i < sections; ++i) {
    const size_t at = kSectionsAt + i * kSectionBytes;
    SegmentHeader::Section section = {static_cast<SectionKind>(LoadAt<uint32_t>(bytes, at)),
                                      LoadAt<uint64_t>(bytes, at + 8),
                                      LoadAt<uint64_t>(bytes, at + 16)};
    if (section.offset != Aligned(end) || section.offset > decoded.body_bytes ||
        section.size > decoded.body_bytes - section.offset) {
      return damage(fmt::format("section {} lies at {} with {} bytes in a body of {}", i,
                                section.offset, section.size, decoded.body_bytes));
    }
    end = section.offset + section.size;
    header.sections.push_back(section);
  }
  if (end != decoded.body_bytes) {
    return damage(fmt::format("sections end at {}, the body at {}", end, decoded.body_bytes));
  }
  return decoded;
}

}  // namespace kith::index
