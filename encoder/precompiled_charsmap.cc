#include "encoder/precompiled_charsmap.h"

#include <algorithm>

#include "encoder/invalid_model.h"
#include "encoder/utf8.h"

namespace kith::encoder {
namespace {

// The parts of a unit, as darts-clone packs them.
constexpr bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
constexpr uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFF; }
constexpr uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }
constexpr uint32_t Offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

uint32_t GetLittleEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << 8 * i;
  }
  return value;
}

}  // namespace

absl::StatusOr<PrecompiledCharsmap> PrecompiledCharsmap::Parse(std::string_view file,
                                                               std::string_view bytes) {
  PrecompiledCharsmap map;
  if (bytes.empty()) return map;
  const uint64_t array_bytes = bytes.size() < 4 ? 0 : GetLittleEndian32(bytes);
  if (array_bytes < 4 || array_bytes % 4 != 0 || array_bytes > bytes.size() - 4) {
    return InvalidModel(
        "{}: the precompiled character map has {} bytes and says that its trie takes {} of them",
        file, bytes.size(), array_bytes);
  }
  bytes.remove_prefix(4);
  map.units_.reserve(array_bytes / 4);
  for (size_t at = 0; at < array_bytes; at += 4) {
    map.units_.push_back(GetLittleEndian32(bytes.substr(at)));
  }
  map.replacements_ = bytes.substr(array_bytes);
  size_t longest = 0, begin = 0;
  for (size_t end; (end = map.replacements_.find('\0', begin)) != std::string::npos;
       begin = end + 1) {
    longest = std::max(longest, end - begin);
  }
  if (begin != map.replacements_.size() || longest > kMaxReplacementBytes) {
    return InvalidModel(
        "{}: a replacement in the precompiled character map has {} bytes, at most {} are allowed, "
        "and the last one must be ended by a zero byte",
        file, std::max(longest, map.replacements_.size() - begin), kMaxReplacementBytes);
  }
  if (!IsValidUtf8(map.replacements_)) {
    return InvalidModel("{}: the replacements in the precompiled character map are not UTF-8",
                        file);
  }
  return map;
}

PrecompiledCharsmap::Piece PrecompiledCharsmap::At(std::string_view text, size_t at) const {
  size_t replacement = replacements_.size();
  size_t longest = 0;
  if (!units_.empty()) {
    const size_t end = std::min(text.size() - at, kMaxSourceBytes);
    uint64_t node = Offset(units_[0]);
    for (size_t i = 0; i < end; ++i) {
      const auto byte = static_cast<unsigned char>(text[at + i]);
      node ^= byte;
      if (node >= units_.size() || Label(units_[node]) != byte) break;
      const uint32_t unit = units_[node];
      node ^= Offset(unit);
      if (!HasLeaf(unit) || node >= units_.size()) continue;
      const uint32_t value = Value(units_[node]);
      if (value >= replacements_.size()) continue;
      replacement = value;
      longest = i + 1;
    }
  }
  if (longest > 0) return {std::string_view(replacements_.c_str() + replacement), longest};
  const CodePoint c = DecodeUtf8(text, at);
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const bool valid = c.value != kReplacementCharacter || c.size_bytes == 3;
  return {valid ? text.substr(at, c.size_bytes) : kReplacement, c.size_bytes};
}

}  // namespace kith::encoder
