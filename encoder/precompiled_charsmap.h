// PrecompiledCharsmap: the normalisation that SentencePiece compiles into a model: which strings
// become which others (NFKC and white space, mostly), longest first. Kept as Kudo's double array
// (darts-clone) and the replacements behind it, each ended by a zero byte:
//
//   size of the array in bytes, u32 | units, u32 each | replacements            all little-endian
//
// The bytes come from a model's file: what they say is checked at every step, and no text costs
// more than its length times kMaxSourceBytes.
//
// Immutable and thread-safe.

#ifndef KITH_ENCODER_PRECOMPILED_CHARSMAP_H_
#define KITH_ENCODER_PRECOMPILED_CHARSMAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::encoder {

class PrecompiledCharsmap {
 public:
  static constexpr size_t kMaxSourceBytes = 64;  // longer strings are not looked for
  static constexpr size_t kMaxReplacementBytes = 256;

  // Changes nothing.
  PrecompiledCharsmap() = default;

  // FAILED_PRECONDITION / INVALID_MODEL, naming `file`, for bytes that are not such a map. An empty
  // one changes nothing.
  static absl::StatusOr<PrecompiledCharsmap> Parse(std::string_view file, std::string_view bytes);

  struct Piece {
    std::string_view text;  // what the bytes become; refers to the map or to the text
    size_t source_bytes;    // how many they are, at least 1
  };
  // What stands at text[at]: the longest string that the map knows, else one character as it is
  // (U+FFFD for a byte that is not UTF-8). REQUIRES: at < text.size().
  Piece At(std::string_view text, size_t at) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;  // ends with a zero byte, if there is one
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_PRECOMPILED_CHARSMAP_H_
