// FilterLexer: a filter's text as tokens. Words need no quotes where they are of letters, digits
// and a few signs; "..." and '...' hold any text. Which signs a word may hold depends on the place:
// a value may have colons (a time has), the name of a field ends at one.
//
// Not thread-safe; the text must outlive it.

#ifndef KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_LEXER_H_
#define KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_LEXER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace kith::engine {

struct FilterToken {
  enum Kind {
    kEnd,
    kWord,       // without quotes, as it stands
    kQuoted,     // `text` without the quotes, escapes resolved
    kSign,       // ( ) , : = != < <= > >=
    kUnknown,    // a character that begins no token
    kOpenQuote,  // the closing quote is missing
    kBadEscape,  // in quotes, a backslash before something else than \ " ' n r t
  };
  Kind kind = kEnd;
  size_t begin = 0;  // bytes of the filter; of kBadEscape: the backslash
  size_t end = 0;
  std::string text = {};

  bool Is(std::string_view sign) const { return kind == kSign && text == sign; }
};

class FilterLexer {
 public:
  enum class Place { kField, kValue };

  explicit FilterLexer(std::string_view filter) : filter_(filter) {}

  // The token that comes next; it stays there until Take.
  FilterToken Peek(Place place) const;
  void Take(const FilterToken& token) { position_ = token.end; }

 private:
  FilterToken Quoted(size_t begin) const;

  const std::string_view filter_;
  size_t position_ = 0;
};

// Whether `text` means itself as a word in this place.
bool IsWord(std::string_view text, FilterLexer::Place place);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_LEXER_H_
