#include "server/engine/filter_language/filter_word.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace kith::engine {
namespace {

constexpr std::array<std::string_view, 5> kKeywords = {"AND", "OR", "NOT", "IN", "EXISTS"};

bool SameLetters(std::string_view word, std::string_view capitals) {
  return std::equal(word.begin(), word.end(), capitals.begin(), capitals.end(),
                    [](char c, char capital) {
                      return c == capital || (c >= 'a' && c <= 'z' && c - 'a' + 'A' == capital);
                    });
}

size_t Digits(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - at;
}

enum class Look { kText, kInteger, kReal };

// As JSON writes numbers, and with a plus: a zero before other digits makes it text.
Look LookOf(std::string_view word) {
  size_t at = word.starts_with('+') || word.starts_with('-') ? 1 : 0;
  const size_t whole = Digits(word, at);
  if (whole == 0 || (whole > 1 && word[at] == '0')) return Look::kText;
  at += whole;
  if (at == word.size()) return Look::kInteger;
  if (word[at] == '.') {
    const size_t fraction = Digits(word, at + 1);
    if (fraction == 0) return Look::kText;
    at += 1 + fraction;
  }
  if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
    ++at;
    if (at < word.size() && (word[at] == '+' || word[at] == '-')) ++at;
    const size_t exponent = Digits(word, at);
    if (exponent == 0) return Look::kText;
    at += exponent;
  }
  return at == word.size() ? Look::kReal : Look::kText;
}

template <typename Number>
std::optional<Number> NumberOf(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

}  // namespace

bool IsKeyword(std::string_view word, std::string_view keyword) {
  return SameLetters(word, keyword);
}

bool IsKeyword(std::string_view word) {
  return std::any_of(kKeywords.begin(), kKeywords.end(),
                     [&](std::string_view keyword) { return SameLetters(word, keyword); });
}

bool IsFieldName(const FilterToken& token) {
  if (token.kind != FilterToken::kWord) return token.kind == FilterToken::kQuoted;
  const char first = token.text.front();
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                      first == '_' || static_cast<unsigned char>(first) >= 0x80;
  return letter && !IsKeyword(token.text);
}

std::optional<index::ScalarValue> ValueOfWord(std::string_view word) {
  if (SameLetters(word, "TRUE")) return index::ScalarValue(true);
  if (SameLetters(word, "FALSE")) return index::ScalarValue(false);
  switch (LookOf(word)) {
    case Look::kText:
      return index::ScalarValue(std::string(word));
    case Look::kInteger:
      if (const auto number = NumberOf<int64_t>(word)) return index::ScalarValue(*number);
      return std::nullopt;
    case Look::kReal:
      if (const auto number = NumberOf<double>(word); number && std::isfinite(*number)) {
        return index::ScalarValue(*number);
      }
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace kith::engine
