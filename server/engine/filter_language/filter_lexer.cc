#include "server/engine/filter_language/filter_lexer.h"

#include <algorithm>

namespace kith::engine {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kSigns = "(),:=<>";

// All that is not ASCII belongs to words: names and values are of any script.
bool InWord(char c, FilterLexer::Place place) {
  const bool alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("_-.+/@").find(c) != std::string_view::npos ||
         (c == ':' && place == FilterLexer::Place::kValue);
}

// What a letter after a backslash stands for; 0 for none.
char Unescaped(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '\\':
    case '"':
    case '\'':
      return letter;
    default:
      return '\0';
  }
}

}  // namespace

FilterToken FilterLexer::Peek(Place place) const {
  const size_t begin = std::min(filter_.find_first_not_of(kSpaces, position_), filter_.size());
  if (begin == filter_.size()) return {FilterToken::kEnd, begin, begin};
  const char first = filter_[begin];
  if (first == '"' || first == '\'') return Quoted(begin);
  size_t end = begin;
  if (InWord(first, Place::kField)) {
    while (end < filter_.size() && InWord(filter_[end], place)) ++end;
    return {FilterToken::kWord, begin, end, std::string(filter_.substr(begin, end - begin))};
  }
  end = begin + 1;
  const bool before_equals = end < filter_.size() && filter_[end] == '=';
  if (before_equals && (first == '!' || first == '<' || first == '>')) {
    return {FilterToken::kSign, begin, end + 1, std::string(filter_.substr(begin, 2))};
  }
  const bool known = kSigns.find(first) != std::string_view::npos;
  return {known ? FilterToken::kSign : FilterToken::kUnknown, begin, end, std::string(1, first)};
}

FilterToken FilterLexer::Quoted(size_t begin) const {
  const char quote = filter_[begin];
  FilterToken token{FilterToken::kQuoted, begin, begin};
  for (size_t i = begin + 1; i < filter_.size(); ++i) {
    if (filter_[i] == quote) {
      token.end = i + 1;
      return token;
    }
    if (filter_[i] != '\\') {
      token.text += filter_[i];
      continue;
    }
    if (i + 1 == filter_.size()) break;
    const char letter = Unescaped(filter_[i + 1]);
    if (letter == '\0') {
      return {FilterToken::kBadEscape, i, i + 2, std::string(filter_.substr(i, 2))};
    }
    token.text += letter;
    ++i;
  }
  return {FilterToken::kOpenQuote, begin, filter_.size(), std::string(1, quote)};
}

bool IsWord(std::string_view text, FilterLexer::Place place) {
  return !text.empty() && InWord(text.front(), FilterLexer::Place::kField) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return InWord(c, place); });
}

}  // namespace kith::engine
