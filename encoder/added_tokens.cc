#include "encoder/added_tokens.h"

#include <unicode/uchar.h>

#include <cstring>
#include <utility>

#include "encoder/utf8.h"

namespace kith::encoder {
namespace {

ByteTrie TrieOf(const std::vector<AddedToken>& tokens) {
  std::vector<std::pair<std::string_view, int32_t>> keys;
  for (size_t i = 0; i < tokens.size(); ++i) {
    keys.emplace_back(tokens[i].content, static_cast<int32_t>(i));
  }
  return ByteTrie(std::move(keys));
}

// Regular expressions' \w, by Unicode's technical standard 18.
bool IsWordCharacter(char32_t c) {
  const auto code = static_cast<UChar32>(c);
  constexpr uint32_t kMask = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return (U_GET_GC_MASK(code) & kMask) != 0 || u_hasBinaryProperty(code, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL);
}

bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

// Where the code point that ends at `end` begins. REQUIRES: end > 0.
size_t PreviousCodePoint(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && IsUtf8Continuation(text[begin])) --begin;
  return begin;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), trie_(TrieOf(tokens_)) {
  size_t distinct = 0;
  for (const AddedToken& token : tokens_) {
    if (token.content.empty()) continue;
    const auto first = static_cast<unsigned char>(token.content[0]);
    distinct += !first_bytes_[first];
    first_bytes_[first] = true;
    only_first_byte_ = first;
  }
  if (distinct != 1) only_first_byte_ = -1;
}

size_t AddedTokens::NextCandidate(std::string_view text, size_t from) const {
  if (only_first_byte_ >= 0) {
    const void* found = from == text.size()
                            ? nullptr
                            : std::memchr(text.data() + from, only_first_byte_, text.size() - from);
    return found == nullptr ? text.size()
                            : static_cast<size_t>(static_cast<const char*>(found) - text.data());
  }
  while (from < text.size() && !first_bytes_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

bool AddedTokens::FindNext(std::string_view text, size_t from, Match* match) const {
  size_t at = from;
  while ((at = NextCandidate(text, at)) < text.size()) {
    uint32_t node = ByteTrie::kRoot;
    int32_t longest = ByteTrie::kNone;
    size_t end = at;
    for (size_t i = at; i < text.size() && trie_.Step(&node, static_cast<unsigned char>(text[i]));
         ++i) {
      if (trie_.value(node) == ByteTrie::kNone) continue;
      longest = trie_.value(node);
      end = i + 1;
    }
    if (longest == ByteTrie::kNone) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(longest)];
    if (token.single_word) {
      const bool touched_before =
          at > 0 && IsWordCharacter(DecodeUtf8(text, PreviousCodePoint(text, at)).value);
      const bool touched_after = end < text.size() && IsWordCharacter(DecodeUtf8(text, end).value);
      if (touched_before || touched_after) {
        at = end;
        continue;
      }
    }
    size_t begin = at;
    while (token.lstrip && begin > from) {
      const size_t previous = PreviousCodePoint(text, begin);
      if (previous < from || !IsSpace(DecodeUtf8(text, previous).value)) break;
      begin = previous;
    }
    while (token.rstrip && end < text.size()) {
      const CodePoint next = DecodeUtf8(text, end);
      if (!IsSpace(next.value)) break;
      end += next.size_bytes;
    }
    *match = {token.id, begin, end};
    return true;
  }
  return false;
}

}  // namespace kith::encoder
