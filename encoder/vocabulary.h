// What every kind of tokenizer has in common once a model's files were read: its tokens by id,
// those that are found in a text as it is written, and those with a meaning of their own.

#ifndef KITH_ENCODER_VOCABULARY_H_
#define KITH_ENCODER_VOCABULARY_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "encoder/added_tokens.h"
#include "encoder/tokenizer.h"

namespace kith::encoder {

struct Vocabulary {
  // Bounds that no model comes near, on memory and on the time for a hostile file.
  static constexpr size_t kMaxSize = 1'000'000;
  static constexpr size_t kMaxBytes = 8 << 20;
  static constexpr size_t kMaxAddedTokenBytes = 256;

  struct Entry {
    std::string text;
    bool in_model = false;  // the algorithm may use it; false for tokens that were only added
  };
  std::vector<Entry> vocabulary;  // by id; texts are distinct
  std::vector<AddedToken> added_tokens;
  SpecialTokens special;
};

// FAILED_PRECONDITION / INVALID_MODEL, naming `file`, where a bound is passed or an id is outside
// the vocabulary.
absl::Status CheckVocabulary(std::string_view file, const Vocabulary& vocabulary);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_VOCABULARY_H_
