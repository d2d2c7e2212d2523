#include "print_filter.h"

#include <algorithm>
#include <cctype>

#include "fmt/format.h"
#include "server/engine/filter_language/filter_lexer.h"
#include "server/engine/filter_language/filter_word.h"

namespace kith::engine {
namespace {

using index::Filter;
using Kind = Filter::Kind;

struct Printer {
  const PrintStyle& style;

  std::string Space() const { return style.space(); }

  // A keyword stands apart from the words beside it.
  std::string Keyword(std::string word) const {
    if (style.lower()) {
      std::transform(word.begin(), word.end(), word.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    }
    return word;
  }

  std::string InQuotes(const std::string& text) const {
    const char quote = style.single() ? '\'' : '"';
    std::string out(1, quote);
    for (const char c : text) {
      if (c == '\n' && style.bare()) {
        out += "\\n";
        continue;
      }
      if (c == quote || c == '\\') out += '\\';
      out += c;
    }
    return out + quote;
  }

  std::string Field(const std::string& name) const {
    const bool word = IsWord(name, FilterLexer::Place::kField) && !IsKeyword(name) &&
                      std::string_view("0123456789+-./@").find(name[0]) == std::string_view::npos;
    return word && style.bare() ? name : InQuotes(name);
  }

  std::string operator()(const std::string& text) const {
    if (style.bare() && IsWord(text, FilterLexer::Place::kValue) && !IsKeyword(text) &&
        ValueOfWord(text) == index::ScalarValue(text)) {
      return text;
    }
    return InQuotes(text);
  }
  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    std::string text = fmt::format("{}", value);  // the shortest that reads back as it
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  std::string operator()(bool value) const { return Keyword(value ? "TRUE" : "FALSE"); }
  std::string operator()(index::Timestamp) const { return "no time can be written"; }

  std::string Part(const Filter& filter, const Filter& whole) const {
    const bool looser = filter.kind == Kind::kOr || filter.kind == whole.kind ||
                        (filter.kind == Kind::kAnd && whole.kind == Kind::kNot);
    const bool parentheses = looser && filter.kind != Kind::kNot;
    const std::string text = Print(filter);
    return parentheses ? "(" + Space() + text + Space() + ")" : text;
  }

  std::string Joined(const Filter& filter, const std::string& word) const {
    std::string out = Part(filter.parts[0], filter);
    for (size_t i = 1; i < filter.parts.size(); ++i) {
      out += Space() + " " + Keyword(word) + " " + Space() + Part(filter.parts[i], filter);
    }
    return out;
  }

  std::string Print(const Filter& filter) const {
    switch (filter.kind) {
      case Kind::kAll:
        return Space();
      case Kind::kAnd:
        return Joined(filter, "AND");
      case Kind::kOr:
        return Joined(filter, "OR");
      case Kind::kNot:
        return Keyword("NOT") + " " + Part(filter.parts[0], filter);
      case Kind::kExists:
        return Keyword("EXISTS") + " " + Space() + Field(filter.field);
      case Kind::kCompare:
        return Field(filter.field) + Space() + std::string(NameOf(filter.op)) + Space() +
               std::visit(*this, filter.values[0]);
      case Kind::kIn: {
        std::string out = Field(filter.field) + " " + Keyword("IN") + Space() + "(";
        for (size_t i = 0; i < filter.values.size(); ++i) {
          out += (i == 0 ? "" : ",") + Space() + std::visit(*this, filter.values[i]) + Space();
        }
        return out + ")";
      }
    }
    return "";
  }
};

}  // namespace

std::string PrintFilter(const Filter& filter, const PrintStyle& style) {
  return Printer{style}.Print(filter);
}

}  // namespace kith::engine
