// The alphabet of byte-level BPE (Radford et al., 2019, "Language Models are Unsupervised Multitask
// Learners"; the table is that of GPT-2's encoder): vocabularies spell every byte as one printable
// character, so that a space is written "Ġ". Printable ASCII and most of Latin-1 stand for their
// own bytes, the other 68 bytes for U+0100 and up.
//
// And its words: what GPT-2's regular expression cuts a text into before any merging,
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Pure functions: thread-safe.

#ifndef KITH_ENCODER_BYTE_LEVEL_H_
#define KITH_ENCODER_BYTE_LEVEL_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kith::encoder {

// The bytes that a vocabulary's token stands for; nothing if it is not spelled in the alphabet.
std::optional<std::string> BytesOfToken(std::string_view token);

// How the vocabulary spells a byte.
std::string TokenOfByte(unsigned char byte);

// Where the word ends that begins at `begin`, in text[begin, end). Takes time in proportion to the
// word. REQUIRES: begin < end <= text.size().
size_t EndOfWord(std::string_view text, size_t begin, size_t end);

// The same for a word that begins with a plain space right before `begin`, there or only thought
// of. May be `begin`: then the word is that space alone.
size_t EndOfWordAfterSpace(std::string_view text, size_t begin, size_t end);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_BYTE_LEVEL_H_
