#include "index/metadata/roaring_rows.h"

#include <roaring/roaring.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "index/metadata/packed.h"

namespace kith::index {
namespace {

// The names of the specification.
constexpr uint32_t kCookieWithRuns =
    12347;  // in the low 16 bits; the number of containers - 1 above
constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint32_t kOffsetsFrom = 4;  // so many containers have offsets, even beside runs
constexpr uint32_t kMaxArray = 4096;  // more rows than that in a container are a bitset
constexpr size_t kBitsetBytes = 8192;
constexpr uint32_t kContainerRows = 65536;

// Where things are, before the containers.
struct Layout {
  uint32_t containers = 0;
  const std::byte* run_flags = nullptr;  // null: no runs
  const std::byte* keys = nullptr;       // [containers] {key u16, rows - 1 u16}
  const std::byte* offsets = nullptr;    // [containers] u32, or null
  size_t begin = 0;                      // of the first container

  bool IsRun(uint32_t i) const {
    return run_flags != nullptr && ((std::to_integer<uint32_t>(run_flags[i / 8]) >> (i % 8)) & 1);
  }
  uint32_t Base(uint32_t i) const { return uint32_t{LoadAt<uint16_t>(keys, size_t{2} * i)} << 16; }
  uint32_t Rows(uint32_t i) const { return LoadAt<uint16_t>(keys, size_t{2} * i + 1) + 1u; }
};

// Nullopt if the bytes end before.
std::optional<Layout> LayoutOf(std::span<const std::byte> bytes) {
  Layout layout;
  if (bytes.size() < 8) return std::nullopt;
  const auto cookie = LoadAt<uint32_t>(bytes.data(), 0);
  size_t at = 4;
  if ((cookie & 0xffff) == kCookieWithRuns) {
    layout.containers = (cookie >> 16) + 1;
    layout.run_flags = bytes.data() + at;
    at += (layout.containers + 7) / 8;
  } else if (cookie == kCookieWithoutRuns) {
    layout.containers = LoadAt<uint32_t>(bytes.data() + at, 0);
    at += 4;
  } else {
    return std::nullopt;
  }
  if (layout.containers > kContainerRows) return std::nullopt;
  layout.keys = bytes.data() + at;
  at += size_t{4} * layout.containers;
  if (layout.run_flags == nullptr || layout.containers >= kOffsetsFrom) {
    layout.offsets = bytes.data() + at;
    at += size_t{4} * layout.containers;
  }
  layout.begin = at;
  if (at > bytes.size()) return std::nullopt;
  return layout;
}

// The bytes of container i, which begins at `at`; 0: they do not fit.
size_t ContainerBytes(const Layout& layout, uint32_t i, std::span<const std::byte> bytes,
                      size_t at) {
  size_t size = layout.Rows(i) > kMaxArray ? kBitsetBytes : size_t{2} * layout.Rows(i);
  if (layout.IsRun(i)) {
    if (bytes.size() - at < 2) return 0;
    size = 2 + size_t{4} * LoadAt<uint16_t>(bytes.data() + at, 0);
  }
  return size <= bytes.size() - at ? size : 0;
}

// Whether the rows of a container ascend and are as many as it says.
bool GoodContainer(const Layout& layout, uint32_t i, const std::byte* at) {
  const uint32_t rows = layout.Rows(i);
  if (layout.IsRun(i)) {
    const uint32_t runs = LoadAt<uint16_t>(at, 0);
    uint32_t next = 0, count = 0;
    for (uint32_t r = 0; r < runs; ++r) {
      const uint32_t first = LoadAt<uint16_t>(at, 1 + size_t{2} * r);
      const uint32_t length = LoadAt<uint16_t>(at, 2 + size_t{2} * r) + 1u;
      if (first < next || first + length > kContainerRows) return false;
      next = first + length;
      count += length;
    }
    return count == rows;
  }
  if (rows > kMaxArray) {
    uint32_t count = 0;
    for (size_t w = 0; w < kBitsetBytes / 8; ++w) {
      count += static_cast<uint32_t>(std::popcount(LoadAt<uint64_t>(at, w)));
    }
    return count == rows;
  }
  for (uint32_t r = 1; r < rows; ++r) {
    if (LoadAt<uint16_t>(at, r) <= LoadAt<uint16_t>(at, r - 1)) return false;
  }
  return true;
}

// The last row of a good container, which is not empty.
uint32_t LastRow(const Layout& layout, uint32_t i, const std::byte* at) {
  const uint32_t rows = layout.Rows(i);
  if (layout.IsRun(i)) {
    const size_t last = size_t{2} * (LoadAt<uint16_t>(at, 0) - 1u);
    return layout.Base(i) + LoadAt<uint16_t>(at, 1 + last) + LoadAt<uint16_t>(at, 2 + last);
  }
  if (rows <= kMaxArray) return layout.Base(i) + LoadAt<uint16_t>(at, rows - 1);
  size_t w = kBitsetBytes / 8 - 1;
  while (LoadAt<uint64_t>(at, w) == 0) --w;
  return layout.Base(i) + static_cast<uint32_t>(w * 64 + 63) -
         static_cast<uint32_t>(std::countl_zero(LoadAt<uint64_t>(at, w)));
}

// Calls on_run(first, end), on_row(row), on_words(first row, words) for what is there.
template <typename OnRun, typename OnRow, typename OnWords>
void Walk(std::span<const std::byte> bytes, const OnRun& on_run, const OnRow& on_row,
          const OnWords& on_words) {
  const Layout layout = *LayoutOf(bytes);
  const std::byte* at = bytes.data() + layout.begin;
  for (uint32_t i = 0; i < layout.containers; ++i) {
    const uint32_t base = layout.Base(i), rows = layout.Rows(i);
    if (layout.IsRun(i)) {
      const uint32_t runs = LoadAt<uint16_t>(at, 0);
      for (uint32_t r = 0; r < runs; ++r) {
        const uint32_t first = base + LoadAt<uint16_t>(at, 1 + size_t{2} * r);
        on_run(first, first + LoadAt<uint16_t>(at, 2 + size_t{2} * r) + 1u);
      }
      at += 2 + size_t{4} * runs;
    } else if (rows > kMaxArray) {
      on_words(base, at);
      at += kBitsetBytes;
    } else {
      for (uint32_t r = 0; r < rows; ++r) on_row(base + LoadAt<uint16_t>(at, r));
      at += size_t{2} * rows;
    }
  }
}

}  // namespace

std::optional<uint32_t> RoaringRows::Check(std::span<const std::byte> bytes, uint32_t rows) {
  const std::optional<Layout> layout = LayoutOf(bytes);
  if (!layout.has_value() || layout->containers == 0) return std::nullopt;
  size_t at = layout->begin;
  uint64_t count = 0;
  for (uint32_t i = 0; i < layout->containers; ++i) {
    const size_t size = ContainerBytes(*layout, i, bytes, at);
    if (size == 0 || (i > 0 && layout->Base(i) <= layout->Base(i - 1)) ||
        (layout->offsets != nullptr && LoadAt<uint32_t>(layout->offsets, i) != at) ||
        !GoodContainer(*layout, i, bytes.data() + at) ||
        LastRow(*layout, i, bytes.data() + at) >= rows) {
      return std::nullopt;
    }
    at += size;
    count += layout->Rows(i);
  }
  if (at != bytes.size()) return std::nullopt;
  return static_cast<uint32_t>(count);  // they are different, and below `rows`
}

void RoaringRows::AddTo(Bits& bits) const {
  Walk(
      bytes_, [&](uint32_t first, uint32_t end) { SetBits(bits, first, end); },
      [&](uint32_t row) { SetBit(bits, row); },
      [&](uint32_t first, const std::byte* words) {
        // The last container may have more words than there are rows; they are 0.
        const size_t begin = first / 64;
        const size_t count = std::min(kBitsetBytes / 8, bits.size() - begin);
        for (size_t w = 0; w < count; ++w) bits[begin + w] |= LoadAt<uint64_t>(words, w);
      });
}

void RoaringRows::ForEach(const std::function<void(uint32_t row)>& visit) const {
  Walk(
      bytes_,
      [&](uint32_t first, uint32_t end) {
        for (uint32_t row = first; row < end; ++row) visit(row);
      },
      visit,
      [&](uint32_t first, const std::byte* words) {
        for (uint32_t w = 0; w < kBitsetBytes / 8; ++w) {
          for (auto word = LoadAt<uint64_t>(words, w); word != 0; word &= word - 1) {
            visit(first + w * 64 + static_cast<uint32_t>(std::countr_zero(word)));
          }
        }
      });
}

std::string RoaringBytes(std::span<const uint32_t> rows) {
  const std::unique_ptr<roaring_bitmap_t, void (*)(roaring_bitmap_t*)> bitmap(
      roaring_bitmap_of_ptr(rows.size(), rows.data()),
      [](roaring_bitmap_t* b) { roaring_bitmap_free(b); });
  roaring_bitmap_run_optimize(bitmap.get());
  std::string bytes(roaring_bitmap_portable_size_in_bytes(bitmap.get()), '\0');
  roaring_bitmap_portable_serialize(bitmap.get(), bytes.data());
  return bytes;
}

}  // namespace kith::index
