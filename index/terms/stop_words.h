// Short lists of the commonest words of some languages. Internal to index/terms/. A list is part of
// what terms are: a word added to one makes existing indexes disagree with new queries, which
// TermAnalyser::identity() tells by its version.

#ifndef KITH_INDEX_TERMS_STOP_WORDS_H_
#define KITH_INDEX_TERMS_STOP_WORDS_H_

#include <span>
#include <string_view>

namespace kith::index {

struct StopWords {
  std::string_view language;
  std::string_view words;  // folded, with a space between any two
};

// Ascending by language.
std::span<const StopWords> AllStopWords();

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_STOP_WORDS_H_
