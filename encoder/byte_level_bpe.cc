#include "encoder/byte_level_bpe.h"

#include <algorithm>
#include <string>

#include "encoder/byte_level.h"
#include "encoder/invalid_model.h"
#include "encoder/utf8.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {

// The scratch of one call: merges one word after the other.
class ByteLevelBpe::Merger {
 public:
  explicit Merger(const ByteLevelBpe& bpe) : bpe_(bpe) {}

  void Clear() { symbols_.clear(); }

  // The next byte of the word, and the characters of the text that it is of.
  void Add(unsigned char byte, uint32_t begin, uint32_t end) {
    const auto place = static_cast<int32_t>(symbols_.size());
    if (place > 0) symbols_.back().next = place;
    symbols_.push_back({bpe_.byte_ids_[byte], begin, end, place - 1, -1});
  }

  // The characters of text[begin, end), with U+FFFD for what is not UTF-8.
  void AddText(std::string_view text, size_t begin, size_t end) {
    for (size_t at = begin; at < end;) {
      const CodePoint c = DecodeUtf8(text.substr(0, end), at);
      char bytes[4];
      const size_t size = EncodeUtf8(c.value, bytes);
      const auto from = static_cast<uint32_t>(at);
      for (size_t i = 0; i < size; ++i) {
        Add(static_cast<unsigned char>(bytes[i]), from, from + c.size_bytes);
      }
      at += c.size_bytes;
    }
  }

  void Finish(std::vector<Token>* tokens) {
    Merge();
    for (int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = at(i).next) {
      tokens->push_back({at(i).id, at(i).begin, at(i).end});
    }
  }

 private:
  struct Pair {
    uint32_t rank;
    int32_t left;               // place of the left symbol
    int32_t left_id, right_id;  // as they were: a pair that has changed since is passed over
    // For a heap with the lowest rank, then the leftmost pair, at the front.
    friend bool operator<(const Pair& a, const Pair& b) {
      return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
    }
  };

  Symbol& at(int32_t place) { return symbols_[static_cast<size_t>(place)]; }

  void Offer(int32_t left) {
    if (left < 0 || at(left).next < 0) return;
    const int32_t left_id = at(left).id, right_id = at(at(left).next).id;
    const auto merge = bpe_.merges_.find(PairKey(left_id, right_id));
    if (merge == bpe_.merges_.end()) return;
    heap_.push_back({merge->second.rank, left, left_id, right_id});
    std::push_heap(heap_.begin(), heap_.end());
  }

  void Merge() {
    heap_.clear();
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) Offer(static_cast<int32_t>(i));
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Pair pair = heap_.back();
      heap_.pop_back();
      Symbol& left = at(pair.left);
      if (left.id != pair.left_id || left.next < 0 || at(left.next).id != pair.right_id) continue;
      Symbol& right = at(left.next);
      left.id = bpe_.merges_.find(PairKey(pair.left_id, pair.right_id))->second.result;
      left.end = std::max(left.end, right.end);
      left.next = right.next;
      right.id = kGone;
      if (left.next >= 0) at(left.next).previous = pair.left;
      Offer(left.previous);
      Offer(pair.left);
    }
  }

  static constexpr int32_t kGone = -1;

  const ByteLevelBpe& bpe_;
  std::vector<Symbol> symbols_;
  std::vector<Pair> heap_;
};

absl::StatusOr<std::unique_ptr<const Tokenizer>> ByteLevelBpe::Create(std::string_view file,
                                                                      BpeConfig config) {
  KITH_RETURN_IF_ERROR(CheckVocabulary(file, config));
  if (config.merges.size() > BpeConfig::kMaxMerges) {
    return InvalidModel("{}: {} merges, at most {} are allowed", file, config.merges.size(),
                        BpeConfig::kMaxMerges);
  }
  const auto size = static_cast<int32_t>(config.vocabulary.size());
  for (const BpeConfig::Merge& merge : config.merges) {
    for (const int32_t id : {merge.left, merge.right, merge.result}) {
      if (id < 0 || id >= size) {
        return InvalidModel("{}: a merge names the id {}, the vocabulary has {} tokens", file, id,
                            size);
      }
    }
  }
  std::unique_ptr<ByteLevelBpe> bpe(new ByteLevelBpe(std::move(config)));
  for (int byte = 0; byte < 256; ++byte) {
    if (bpe->byte_ids_[static_cast<size_t>(byte)] < 0) {
      return InvalidModel("{}: the vocabulary has no token for the byte {:#04x}", file, byte);
    }
  }
  return bpe;
}

ByteLevelBpe::ByteLevelBpe(BpeConfig config)
    : Tokenizer(config.special),
      vocabulary_(std::move(config.vocabulary)),
      added_tokens_(std::move(config.added_tokens)),
      add_prefix_space_(config.add_prefix_space) {
  std::vector<std::string> bytes_of(vocabulary_.size());
  byte_ids_.fill(-1);
  for (size_t id = 0; id < vocabulary_.size(); ++id) {
    if (!vocabulary_[id].in_model) continue;
    bytes_of[id] = BytesOfToken(vocabulary_[id].text).value_or("");
    if (bytes_of[id].size() != 1) continue;
    byte_ids_[static_cast<unsigned char>(bytes_of[id][0])] = static_cast<int32_t>(id);
  }
  merges_.reserve(config.merges.size());
  for (size_t i = 0; i < config.merges.size(); ++i) {
    const BpeConfig::Merge& merge = config.merges[i];
    merges_.try_emplace(PairKey(merge.left, merge.right),
                        Ranked{static_cast<uint32_t>(i), merge.result});
  }
  // A vocabulary may hold tokens that merging never makes, or makes of other bytes.
  std::vector<std::pair<std::string_view, int32_t>> whole;
  Merger merger(*this);
  std::vector<Token> tokens;
  for (size_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string& bytes = bytes_of[id];
    if (bytes.empty() || !IsValidUtf8(bytes)) continue;
    merger.Clear();
    for (const char byte : bytes) merger.Add(static_cast<unsigned char>(byte), 0, 0);
    tokens.clear();
    merger.Finish(&tokens);
    const auto own = static_cast<int32_t>(id);
    if (tokens.size() == 1 && tokens[0].id == own) whole.emplace_back(bytes, own);
  }
  whole_words_ = std::make_unique<const ByteTrie>(std::move(whole));
}

std::string_view ByteLevelBpe::TokenText(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return vocabulary_[static_cast<size_t>(id)].text;
}

bool ByteLevelBpe::IsWholeWord(std::string_view word, int32_t* id) const {
  uint32_t node = ByteTrie::kRoot;
  for (const char byte : word) {
    if (!whole_words_->Step(&node, static_cast<unsigned char>(byte))) return false;
  }
  *id = whole_words_->value(node);
  return *id != ByteTrie::kNone;
}

void ByteLevelBpe::Tokenize(std::string_view text, std::vector<Token>* tokens) const {
  Merger merger(*this);
  TokenizeAround(added_tokens_, text, tokens, [&](size_t begin, size_t end) {
    TokenizePlain(text, begin, end, &merger, tokens);
  });
}

void ByteLevelBpe::TokenizePlain(std::string_view text, size_t begin, size_t end, Merger* merger,
                                 std::vector<Token>* tokens) const {
  bool prefix = add_prefix_space_ && begin < end && text[begin] != ' ';
  for (size_t at = begin; at < end || prefix;) {
    const size_t word_end = prefix ? EndOfWordAfterSpace(text, at, end) : EndOfWord(text, at, end);
    const auto from = static_cast<uint32_t>(at);
    const size_t first_token = tokens->size();
    if (int32_t id; !prefix && IsWholeWord(text.substr(at, word_end - at), &id)) {
      tokens->push_back({id, from, static_cast<uint32_t>(word_end)});
    } else {
      merger->Clear();
      if (prefix) merger->Add(' ', from, from);
      merger->AddText(text, at, word_end);
      merger->Finish(tokens);
    }
    // The space before a word is not of its first token's bytes, if that has any others.
    if (Token& first = (*tokens)[first_token]; text[at] == ' ' && first.end > first.begin + 1) {
      ++first.begin;
    }
    prefix = false;
    at = word_end;
  }
}

}  // namespace kith::encoder
