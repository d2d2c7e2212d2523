#include "encoder/unigram.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/utf8.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581
// How much worse than the worst piece a character is that no piece spells; SentencePiece's number.
constexpr double kUnknownPenalty = 10;

ByteTrie TrieOf(const std::vector<Vocabulary::Entry>& vocabulary, int32_t unknown) {
  std::vector<std::pair<std::string_view, int32_t>> keys;
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary[id].in_model || static_cast<int32_t>(id) == unknown) continue;
    keys.emplace_back(vocabulary[id].text, static_cast<int32_t>(id));
  }
  return ByteTrie(std::move(keys));
}

bool IsWhiteSpace(std::string_view character) {
  return u_isUWhiteSpace(static_cast<UChar32>(DecodeUtf8(character, 0).value)) != 0;
}

}  // namespace

// A normalised word as it grows, with the characters of the text behind each of its bytes, and the
// best way to spell it up to each byte.
class Unigram::Word {
 public:
  struct Best {
    double score;
    int32_t id;
    uint32_t begin;  // of the piece that ends here
  };

  bool empty() const { return bytes_.empty(); }
  void Clear() {
    bytes_.clear();
    begins_.clear();
    ends_.clear();
  }
  void Append(std::string_view bytes, size_t begin, size_t end) {
    bytes_.append(bytes);
    begins_.insert(begins_.end(), bytes.size(), static_cast<uint32_t>(begin));
    ends_.insert(ends_.end(), bytes.size(), static_cast<uint32_t>(end));
  }

  const std::string& bytes() const { return bytes_; }
  // The token of word bytes [begin, end).
  Token TokenOf(int32_t id, size_t begin, size_t end) const {
    // The mark at the front has no text of its own.
    const bool marked = begin == 0 && end > kMark.size();
    return {id, begins_[marked ? kMark.size() : begin], ends_[end - 1]};
  }

  std::vector<Best> best;      // scratch of AppendPieces
  std::vector<uint32_t> ends;  // likewise

 private:
  std::string bytes_;
  std::vector<uint32_t> begins_, ends_;
};

absl::StatusOr<std::unique_ptr<const Tokenizer>> Unigram::Create(std::string_view file,
                                                                 UnigramConfig config) {
  KITH_RETURN_IF_ERROR(CheckVocabulary(file, config));
  if (config.scores.size() != config.vocabulary.size()) {
    return InvalidModel("{}: {} scores for {} tokens", file, config.scores.size(),
                        config.vocabulary.size());
  }
  for (size_t id = 0; id < config.vocabulary.size(); ++id) {
    if (!config.vocabulary[id].in_model) continue;
    if (!std::isfinite(config.scores[id])) {
      return InvalidModel("{}: the score of token {} is not a finite number", file, id);
    }
    if (config.vocabulary[id].text.size() > UnigramConfig::kMaxPieceBytes) {
      return InvalidModel("{}: token {} has {} bytes, at most {} are allowed", file, id,
                          config.vocabulary[id].text.size(), UnigramConfig::kMaxPieceBytes);
    }
  }
  KITH_ASSIGN_OR_RETURN(PrecompiledCharsmap charsmap,
                        PrecompiledCharsmap::Parse(file, config.charsmap));
  return std::unique_ptr<const Tokenizer>(new Unigram(std::move(config), std::move(charsmap)));
}

Unigram::Unigram(UnigramConfig config, PrecompiledCharsmap charsmap)
    : Tokenizer(config.special),
      vocabulary_(std::move(config.vocabulary)),
      added_tokens_(std::move(config.added_tokens)),
      scores_(std::move(config.scores)),
      charsmap_(std::move(charsmap)),
      split_at_white_space_(config.split_at_white_space),
      collapse_spaces_(config.collapse_spaces),
      pieces_(TrieOf(vocabulary_, config.special.unk)) {
  double worst = std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < vocabulary_.size(); ++id) {
    if (vocabulary_[id].in_model) worst = std::min(worst, scores_[id]);
  }
  unknown_score_ = (std::isfinite(worst) ? worst : 0) - kUnknownPenalty;
}

std::string_view Unigram::TokenText(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return vocabulary_[static_cast<size_t>(id)].text;
}

void Unigram::Tokenize(std::string_view text, std::vector<Token>* tokens) const {
  Word word;
  TokenizeAround(added_tokens_, text, tokens,
                 [&](size_t begin, size_t end) { TokenizePlain(text, begin, end, &word, tokens); });
}

void Unigram::TokenizePlain(std::string_view text, size_t begin, size_t end, Word* word,
                            std::vector<Token>* tokens) const {
  const std::string_view plain = text.substr(0, end);
  const auto flush = [&] {
    if (!word->empty()) AppendPieces(word, tokens);
    word->Clear();
  };
  bool after_space = false;
  for (size_t at = begin; at < end;) {
    const PrecompiledCharsmap::Piece piece = charsmap_.At(plain, at);
    const size_t piece_end = at + piece.source_bytes;
    for (size_t i = 0; i < piece.text.size();) {
      const std::string_view character = piece.text.substr(i, DecodeUtf8(piece.text, i).size_bytes);
      i += character.size();
      if (split_at_white_space_ ? IsWhiteSpace(character) : character == " ") {
        const bool repeated = after_space && collapse_spaces_;
        after_space = true;
        if (split_at_white_space_) flush();
        if (split_at_white_space_ || repeated) continue;
        flush();
        word->Append(kMark, piece_end, piece_end);
        continue;
      }
      after_space = false;
      if (word->empty()) word->Append(kMark, at, at);
      word->Append(character, at, piece_end);
    }
    at = piece_end;
  }
  flush();
}

// Viterbi over the bytes of the word; pieces begin at characters alone, since their bytes do.
void Unigram::AppendPieces(Word* word, std::vector<Token>* tokens) const {
  const std::string& bytes = word->bytes();
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  std::vector<Word::Best>& best = word->best;
  best.assign(bytes.size() + 1, {kNever, 0, 0});
  best[0].score = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const double before = best[begin].score;
    const size_t next = begin + DecodeUtf8(bytes, begin).size_bytes;
    const auto offer = [&](size_t end, double score, int32_t id) {
      if (before + score > best[end].score) {
        best[end] = {before + score, id, static_cast<uint32_t>(begin)};
      }
    };
    bool spelled = false;
    uint32_t node = ByteTrie::kRoot;
    for (size_t i = begin; i < bytes.size(); ++i) {
      if (!pieces_.Step(&node, static_cast<unsigned char>(bytes[i]))) break;
      const int32_t id = pieces_.value(node);
      if (id == ByteTrie::kNone) continue;
      offer(i + 1, scores_[static_cast<size_t>(id)], id);
      spelled = spelled || i + 1 == next;
    }
    if (!spelled) offer(next, unknown_score_, special().unk);
    begin = next;
  }
  std::vector<uint32_t>& ends = word->ends;  // of the pieces, from the last to the first
  ends.clear();
  for (size_t end = bytes.size(); end > 0; end = best[end].begin) {
    ends.push_back(static_cast<uint32_t>(end));
  }
  for (size_t i = ends.size(); i-- > 0;) {
    const size_t end = ends[i];
    const int32_t id = best[end].id;
    const size_t begin = best[end].begin;
    // A run of unknown characters is one token.
    if (id == special().unk && i + 1 < ends.size() && best[ends[i + 1]].id == id) {
      tokens->back().end = word->TokenOf(id, begin, end).end;
      continue;
    }
    tokens->push_back(word->TokenOf(id, begin, end));
  }
}

}  // namespace kith::encoder
