#include "index/terms/posting_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "index/terms/varint.h"
#include "kith/base/check.h"

namespace kith::index {
namespace {

constexpr uint32_t kRows = 32;  // numbers a lane

// Four lanes, a number each: the compiler's own vectors, on every machine.
using Lanes [[gnu::vector_size(16)]] = uint32_t;

constexpr size_t PackedBytes(uint32_t bits) { return size_t{16} * bits; }

Lanes Load(const std::byte* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof(lanes));
  return lanes;
}

// Row `kRow` of numbers of `kBits` bits: numbers 4 kRow to 4 kRow + 3.
template <uint32_t kBits, uint32_t kRow>
Lanes Row(const std::byte* packed) {
  if constexpr (kBits == 0) {
    return Lanes{};
  } else {
    constexpr uint32_t kWord = kRow * kBits / 32;
    constexpr uint32_t kShift = kRow * kBits % 32;
    Lanes row = Load(packed + 16 * kWord) >> kShift;
    if constexpr (kShift + kBits > 32) row |= Load(packed + 16 * (kWord + 1)) << (32 - kShift);
    if constexpr (kBits < 32) row &= (uint32_t{1} << kBits) - 1;
    return row;
  }
}

// Numbers plus one each.
template <uint32_t kBits>
void Unpack(const std::byte* packed, uint32_t* out) {
  [&]<uint32_t... kRow>(std::integer_sequence<uint32_t, kRow...>) {
    (
        [&] {
          const Lanes row = Row<kBits, kRow>(packed) + 1;
          std::memcpy(out + 4 * kRow, &row, sizeof(row));
        }(),
        ...);
  }
  (std::make_integer_sequence<uint32_t, kRows>());
}

// The running sums of numbers plus one each, on top of `before`.
template <uint32_t kBits>
void UnpackSums(const std::byte* packed, uint32_t before, uint32_t* out) {
  Lanes sum = Lanes{} + before;
  [&]<uint32_t... kRow>(std::integer_sequence<uint32_t, kRow...>) {
    (
        [&] {
          Lanes row = Row<kBits, kRow>(packed) + 1;
          row += __builtin_shufflevector(row, Lanes{}, 4, 0, 1, 2);
          row += __builtin_shufflevector(row, Lanes{}, 4, 4, 0, 1);
          sum = row + __builtin_shufflevector(sum, sum, 3, 3, 3, 3);
          std::memcpy(out + 4 * kRow, &sum, sizeof(sum));
        }(),
        ...);
  }
  (std::make_integer_sequence<uint32_t, kRows>());
}

using UnpackFunction = void (*)(const std::byte*, uint32_t*);
using UnpackSumsFunction = void (*)(const std::byte*, uint32_t, uint32_t*);

template <uint32_t... kBits>
constexpr std::array<UnpackFunction, sizeof...(kBits)> UnpackTable(
    std::integer_sequence<uint32_t, kBits...>) {
  return {Unpack<kBits>...};
}

template <uint32_t... kBits>
constexpr std::array<UnpackSumsFunction, sizeof...(kBits)> UnpackSumsTable(
    std::integer_sequence<uint32_t, kBits...>) {
  return {UnpackSums<kBits>...};
}

constexpr auto kUnpack = UnpackTable(std::make_integer_sequence<uint32_t, 33>());
constexpr auto kUnpackSums = UnpackSumsTable(std::make_integer_sequence<uint32_t, 33>());

void Pack(const uint32_t* numbers, uint32_t bits, std::string& out) {
  std::array<uint32_t, kBlockPostings> words = {};
  for (uint32_t i = 0; i < kBlockPostings && bits > 0; ++i) {
    const uint32_t at = i / 4 * bits;
    const uint32_t lane = i % 4;
    words[at / 32 * 4 + lane] |= numbers[i] << at % 32;
    if (at % 32 + bits > 32) words[(at / 32 + 1) * 4 + lane] |= numbers[i] >> (32 - at % 32);
  }
  out.append(reinterpret_cast<const char*>(words.data()), PackedBytes(bits));
}

uint32_t BitsOf(const uint32_t* numbers) {
  uint32_t all = 0;
  for (uint32_t i = 0; i < kBlockPostings; ++i) all |= numbers[i];
  return static_cast<uint32_t>(std::bit_width(all));
}

bool AscendBelow(const uint32_t* slots, uint32_t count, uint32_t base, uint32_t rows) {
  if (slots[0] < base || slots[count - 1] >= rows) return false;
  for (uint32_t i = 1; i < count; ++i) {
    if (slots[i] <= slots[i - 1]) return false;
  }
  return true;
}

}  // namespace

void EncodeFullBlock(const uint32_t* slots, const uint32_t* tfs, uint32_t base, std::string& out) {
  std::array<uint32_t, kBlockPostings> gaps;
  std::array<uint32_t, kBlockPostings> counts;
  for (uint32_t i = 0; i < kBlockPostings; ++i) {
    gaps[i] = slots[i] - base;
    base = slots[i] + 1;
    counts[i] = tfs[i] - 1;
  }
  const uint32_t slot_bits = BitsOf(gaps.data());
  const uint32_t tf_bits = BitsOf(counts.data());
  out += static_cast<char>(slot_bits);
  out += static_cast<char>(tf_bits);
  Pack(gaps.data(), slot_bits, out);
  Pack(counts.data(), tf_bits, out);
}

void EncodeTailPosting(uint32_t slot, uint32_t tf, uint32_t base, std::string& out) {
  PutVarint(out, uint64_t{slot - base} * 2 + (tf == 1 ? 1 : 0));
  if (tf != 1) PutVarint(out, tf);
}

void DecodeFullBlock(const std::byte* bytes, uint32_t base, uint32_t* slots, uint32_t* tfs) {
  const auto slot_bits = std::to_integer<uint32_t>(bytes[0]);
  const auto tf_bits = std::to_integer<uint32_t>(bytes[1]);
  kUnpackSums[slot_bits](bytes + 2, base - 1, slots);
  if (tfs != nullptr) kUnpack[tf_bits](bytes + 2 + PackedBytes(slot_bits), tfs);
}

void DecodeTail(const std::byte* bytes, uint32_t base, uint32_t count, uint32_t* slots,
                uint32_t* tfs) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t gap = GetVarint(bytes);
    slots[i] = base + static_cast<uint32_t>(gap >> 1);
    base = slots[i] + 1;
    const uint32_t tf = gap & 1 ? 1 : static_cast<uint32_t>(GetVarint(bytes));
    if (tfs != nullptr) tfs[i] = tf;
  }
}

uint32_t FullBlockTf(const std::byte* bytes, uint32_t i) {
  const auto bits = std::to_integer<uint32_t>(bytes[1]);
  if (bits == 0) return 1;
  const std::byte* packed = bytes + 2 + PackedBytes(std::to_integer<uint32_t>(bytes[0]));
  const uint32_t at = i / 4 * bits;
  const std::byte* word = packed + size_t{4} * (at / 32 * 4 + i % 4);
  uint32_t low;
  std::memcpy(&low, word, sizeof(low));
  uint64_t value = low;
  if (at % 32 + bits > 32) {
    uint32_t high;
    std::memcpy(&high, word + 16, sizeof(high));
    value |= uint64_t{high} << 32;
  }
  return static_cast<uint32_t>((value >> at % 32) & ((uint64_t{1} << bits) - 1)) + 1;
}

const std::byte* DecodeUntrusted(std::span<const std::byte> bytes, uint32_t base, uint32_t count,
                                 uint32_t rows, uint32_t* slots, uint32_t* tfs) {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  if (count == kBlockPostings) {
    if (bytes.size() < 2) return nullptr;
    const auto slot_bits = std::to_integer<uint32_t>(at[0]);
    const auto tf_bits = std::to_integer<uint32_t>(at[1]);
    if (slot_bits > 32 || tf_bits > 31) return nullptr;
    const size_t size = 2 + PackedBytes(slot_bits) + PackedBytes(tf_bits);
    if (bytes.size() < size) return nullptr;
    DecodeFullBlock(at, base, slots, tfs);
    at += size;
  } else {
    uint32_t next = base;
    for (uint32_t i = 0; i < count; ++i) {
      uint64_t gap;
      uint64_t tf = 1;
      if (!GetVarintUntrusted(at, end, gap) || gap >> 1 >= rows) return nullptr;
      if ((gap & 1) == 0 && !GetVarintUntrusted(at, end, tf)) return nullptr;
      if (tf < 1 || tf > kMaxTf) return nullptr;
      slots[i] = next + static_cast<uint32_t>(gap >> 1);
      tfs[i] = static_cast<uint32_t>(tf);
      next = slots[i] + 1;
    }
  }
  // A sum that wrapped around shows as a slot that is not above the one before.
  if (!AscendBelow(slots, count, base, rows)) return nullptr;
  if (*std::max_element(tfs, tfs + count) > kMaxTf) return nullptr;
  return at;
}

}  // namespace kith::index
