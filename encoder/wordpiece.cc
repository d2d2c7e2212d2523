#include "encoder/wordpiece.h"

#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/utf8.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

ByteTrie TrieOf(const std::vector<WordPieceConfig::Entry>& vocabulary, std::string_view prefix) {
  std::vector<std::pair<std::string_view, int32_t>> keys;
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    std::string_view text = vocabulary[id].text;
    if (!vocabulary[id].in_model || !text.starts_with(prefix)) continue;
    text.remove_prefix(prefix.size());
    keys.emplace_back(text, static_cast<int32_t>(id));
  }
  return ByteTrie(std::move(keys));
}

// Bytes of the text itself, which normalisation changes by a table only.
struct AsciiWord {
  const unsigned char* bytes;
  const std::array<unsigned char, 256>& lowered;
  uint32_t begin;
  size_t size;

  size_t size_bytes() const { return size; }
  size_t characters() const { return size; }
  unsigned char byte(size_t i) const { return lowered[bytes[i]]; }
  uint32_t begin_of(size_t i) const { return begin + static_cast<uint32_t>(i); }
  uint32_t end_of(size_t i) const { return begin + static_cast<uint32_t>(i) + 1; }
};

}  // namespace

// A word as it grows, normalised, in UTF-8, with the bytes of the text behind each of its own. Of a
// word over the limit only the characters are counted: it becomes the unknown token anyway.
class WordPiece::WordBuffer {
 public:
  explicit WordBuffer(uint32_t max_characters) : max_characters_(max_characters) {}

  void Append(const NormalizedChar& c) {
    if (characters_ == 0) first_begin_ = c.begin;
    last_end_ = c.end;
    if (++characters_ > max_characters_) return;
    const size_t first = size_bytes_;
    size_bytes_ += EncodeUtf8(c.value, bytes_.data() + first);
    for (size_t i = first; i < size_bytes_; ++i) {
      begins_[i] = c.begin;
      ends_[i] = c.end;
    }
    last_character_ = first;
  }

  // What was dropped from the text after a character is part of it.
  void ExtendTo(uint32_t end) {
    if (characters_ == 0) return;
    last_end_ = end;
    if (characters_ > max_characters_) return;
    for (size_t i = last_character_; i < size_bytes_; ++i) ends_[i] = end;
  }

  void Clear() { characters_ = size_bytes_ = last_character_ = 0; }

  size_t size_bytes() const { return size_bytes_; }
  size_t characters() const { return characters_; }
  unsigned char byte(size_t i) const { return static_cast<unsigned char>(bytes_[i]); }
  uint32_t begin_of(size_t i) const { return i == 0 ? first_begin_ : begins_[i]; }
  uint32_t end_of(size_t i) const { return i + 1 == size_bytes_ ? last_end_ : ends_[i]; }

 private:
  static constexpr size_t kMaxBytes = 4 * kMaxWordCharacters;

  const size_t max_characters_;
  size_t characters_ = 0;
  size_t size_bytes_ = 0;
  size_t last_character_ = 0;  // where its bytes begin
  uint32_t first_begin_ = 0;
  uint32_t last_end_ = 0;
  // The first size_bytes_ of each are in use; the rest is never written, so that an empty word
  // costs nothing.
  std::array<char, kMaxBytes> bytes_;
  std::array<uint32_t, kMaxBytes> begins_;
  std::array<uint32_t, kMaxBytes> ends_;
};

absl::StatusOr<std::unique_ptr<const Tokenizer>> WordPiece::Create(std::string_view file,
                                                                   WordPieceConfig config) {
  KITH_RETURN_IF_ERROR(CheckVocabulary(file, config));
  if (config.max_word_characters < 1 || config.max_word_characters > kMaxWordCharacters) {
    return InvalidModel("{}: max_input_chars_per_word is {}, it must be 1..{}", file,
                        config.max_word_characters, kMaxWordCharacters);
  }
  return std::unique_ptr<const Tokenizer>(new WordPiece(std::move(config)));
}

WordPiece::WordPiece(WordPieceConfig config)
    : Tokenizer(config.special),
      vocabulary_(std::move(config.vocabulary)),
      added_tokens_(std::move(config.added_tokens)),
      max_word_characters_(config.max_word_characters),
      normalizer_(config.normalizer),
      initial_(TrieOf(vocabulary_, "")),
      continuing_(TrieOf(vocabulary_, config.continuing_prefix)) {
  FillByteTables();
}

// The tables repeat what the slow path does to each ASCII character alone, so that the two cannot
// disagree.
void WordPiece::FillByteTables() {
  byte_class_.fill(ByteClass::kSlow);
  lowered_.fill(0);
  for (int i = 0; i < 0x80; ++i) {
    const char byte = static_cast<char>(i);
    NormalizedStream stream(normalizer_, std::string_view(&byte, 1), 0, 1);
    NormalizedChar c;
    if (!stream.Next(&c)) continue;
    lowered_[i] = static_cast<unsigned char>(c.value);
    switch (c.kind) {
      case NormalizedChar::Kind::kWord:
        byte_class_[i] = ByteClass::kWord;
        break;
      case NormalizedChar::Kind::kAlone:
        byte_class_[i] = ByteClass::kAlone;
        break;
      case NormalizedChar::Kind::kSpace:
        byte_class_[i] = ByteClass::kSpace;
        break;
      case NormalizedChar::Kind::kDropped:
        break;  // rare: left to the slow path
    }
  }
}

std::string_view WordPiece::TokenText(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return vocabulary_[static_cast<size_t>(id)].text;
}

void WordPiece::Tokenize(std::string_view text, std::vector<Token>* tokens) const {
  TokenizeAround(added_tokens_, text, tokens,
                 [&](size_t begin, size_t end) { TokenizeFast(text, begin, end, tokens); });
}

void WordPiece::TokenizeWithoutFastPath(std::string_view text, std::vector<Token>* tokens) const {
  TokenizeAround(added_tokens_, text, tokens,
                 [&](size_t begin, size_t end) { TokenizeSlow(text, begin, end, tokens); });
}

void WordPiece::TokenizeFast(std::string_view text, size_t begin, size_t end,
                             std::vector<Token>* tokens) const {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const auto class_of = [&](size_t i) { return byte_class_[bytes[i]]; };
  size_t at = begin;
  while (at < end) {
    size_t word_end = at;
    while (word_end < end && class_of(word_end) == ByteClass::kWord) ++word_end;
    const ByteClass next = word_end < end ? class_of(word_end) : ByteClass::kSpace;
    if (next == ByteClass::kSlow) {
      // What follows may be part of this word. ASCII space and punctuation end a word whatever
      // went before, so the slow path takes over up to there.
      size_t slow_end = word_end + 1;
      while (slow_end < end && class_of(slow_end) != ByteClass::kSpace &&
             class_of(slow_end) != ByteClass::kAlone) {
        ++slow_end;
      }
      TokenizeSlow(text, at, slow_end, tokens);
      at = slow_end;
      continue;
    }
    if (word_end > at) {
      AppendPieces(AsciiWord{bytes + at, lowered_, static_cast<uint32_t>(at), word_end - at},
                   tokens);
    }
    if (next == ByteClass::kAlone) {
      AppendPieces(AsciiWord{bytes + word_end, lowered_, static_cast<uint32_t>(word_end), 1},
                   tokens);
    }
    at = word_end + 1;
  }
}

void WordPiece::TokenizeSlow(std::string_view text, size_t begin, size_t end,
                             std::vector<Token>* tokens) const {
  using Kind = NormalizedChar::Kind;
  NormalizedStream stream(normalizer_, text, begin, end);
  WordBuffer word(max_word_characters_);
  const auto end_word = [&] {
    if (word.characters() > 0) AppendPieces(word, tokens);
    word.Clear();
  };
  NormalizedChar c;
  while (stream.Next(&c)) {
    if (c.kind == Kind::kDropped) {
      word.ExtendTo(c.end);
      continue;
    }
    if (c.kind != Kind::kWord) end_word();
    if (c.kind != Kind::kSpace) word.Append(c);
    if (c.kind == Kind::kAlone) end_word();
  }
  end_word();
}

// Greedy longest match. A word has at most kMaxWordCharacters characters here, so that the pieces
// of a hostile one cost a bounded number of steps a character.
template <typename Word>
void WordPiece::AppendPieces(const Word& word, std::vector<Token>* tokens) const {
  const size_t size = word.size_bytes();
  const size_t first_piece = tokens->size();
  const ByteTrie* trie = &initial_;
  size_t at = 0;
  while (at < size && word.characters() <= max_word_characters_) {
    uint32_t node = ByteTrie::kRoot;
    int32_t id = ByteTrie::kNone;
    size_t piece_end = at;
    for (size_t i = at; i < size && trie->Step(&node, word.byte(i)); ++i) {
      if (trie->value(node) == ByteTrie::kNone) continue;
      id = trie->value(node);
      piece_end = i + 1;
    }
    if (id == ByteTrie::kNone) break;
    tokens->push_back({id, word.begin_of(at), word.end_of(piece_end - 1)});
    at = piece_end;
    trie = &continuing_;
  }
  if (at == size) return;
  tokens->resize(first_piece);
  tokens->push_back({special().unk, word.begin_of(0), word.end_of(size - 1)});
}

}  // namespace kith::encoder
