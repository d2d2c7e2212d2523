#include "server/engine/filter_language/parse_filter.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/filter_language/filter_lexer.h"
#include "server/engine/filter_language/filter_word.h"

namespace kith::engine {
namespace {

using Place = FilterLexer::Place;
using index::CompareOp;
using index::Filter;
using index::ScalarValue;

// Recursive descent with one token of look-ahead: a function for each rule of the grammar. `depth`
// is that of parentheses and NOTs around the rule, so that no text makes the recursion deeper than
// the limit; what may be repeated (AND, OR, the values of IN) is read in loops.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  absl::StatusOr<Filter> Whole() {
    if (lexer_.Peek(Place::kField).kind == FilterToken::kEnd) return Filter::All();
    KITH_ASSIGN_OR_RETURN(Filter filter, Any(1));
    const FilterToken token = lexer_.Peek(Place::kField);
    if (token.kind != FilterToken::kEnd) return Unexpected(token, "AND, OR or the end");
    return filter;
  }

 private:
  // any = all { OR all }
  absl::StatusOr<Filter> Any(size_t depth) {
    std::vector<Filter> parts(1);
    KITH_ASSIGN_OR_RETURN(parts[0], All(depth));
    while (TakeKeyword("OR")) {
      KITH_ASSIGN_OR_RETURN(parts.emplace_back(), All(depth));
    }
    if (parts.size() == 1) return std::move(parts[0]);
    KITH_RETURN_IF_ERROR(CountNode());
    return Filter::Or(std::move(parts));
  }

  // all = condition { AND condition }
  absl::StatusOr<Filter> All(size_t depth) {
    std::vector<Filter> parts(1);
    KITH_ASSIGN_OR_RETURN(parts[0], Condition(depth));
    while (TakeKeyword("AND")) {
      KITH_ASSIGN_OR_RETURN(parts.emplace_back(), Condition(depth));
    }
    if (parts.size() == 1) return std::move(parts[0]);
    KITH_RETURN_IF_ERROR(CountNode());
    return Filter::And(std::move(parts));
  }

  // condition = NOT condition | "(" any ")" | EXISTS field | comparison
  absl::StatusOr<Filter> Condition(size_t depth) {
    const FilterToken token = lexer_.Peek(Place::kField);
    if (depth > index::kMaxFilterDepth) {
      return TooLarge(token, fmt::format("nested more than {} deep", index::kMaxFilterDepth),
                      index::kMaxFilterDepth);
    }
    if (TakeKeyword("NOT")) {
      KITH_ASSIGN_OR_RETURN(Filter negated, Condition(depth + 1));
      KITH_RETURN_IF_ERROR(CountNode());
      return Filter::Not(std::move(negated));
    }
    if (token.Is("(")) {
      lexer_.Take(token);
      KITH_ASSIGN_OR_RETURN(Filter inner, Any(depth + 1));
      const FilterToken close = lexer_.Peek(Place::kField);
      if (!close.Is(")")) return Unexpected(close, "AND, OR or \")\"");
      lexer_.Take(close);
      return inner;
    }
    KITH_RETURN_IF_ERROR(CountNode());
    if (TakeKeyword("EXISTS")) {
      KITH_ASSIGN_OR_RETURN(std::string field, Field("the name of a field"));
      return Filter::Exists(std::move(field));
    }
    return Comparison();
  }

  // comparison = field operator value | field [ NOT ] IN "(" value { "," value } ")"
  absl::StatusOr<Filter> Comparison() {
    KITH_ASSIGN_OR_RETURN(std::string field, Field("a condition"));
    if (TakeKeyword("NOT")) {
      if (!TakeKeyword("IN")) return Unexpected(lexer_.Peek(Place::kField), "IN");
      KITH_RETURN_IF_ERROR(CountNode());
      KITH_ASSIGN_OR_RETURN(Filter in, In(std::move(field)));
      return Filter::Not(std::move(in));
    }
    if (TakeKeyword("IN")) return In(std::move(field));
    const FilterToken token = lexer_.Peek(Place::kField);
    for (const auto& [sign, op] : kOperators) {
      if (!token.Is(sign)) continue;
      lexer_.Take(token);
      KITH_ASSIGN_OR_RETURN(ScalarValue value, Value());
      return Filter::Compare(std::move(field), op, std::move(value));
    }
    return Unexpected(token, "one of = != < <= > >= : IN and NOT IN");
  }

  // The values, with their parentheses.
  absl::StatusOr<Filter> In(std::string field) {
    const FilterToken open = lexer_.Peek(Place::kField);
    if (!open.Is("(")) return Unexpected(open, "\"(\"");
    lexer_.Take(open);
    std::vector<ScalarValue> values;
    while (true) {
      if (values.size() == index::kMaxInValues) {
        return TooLarge(lexer_.Peek(Place::kValue),
                        fmt::format("more than {} values in an IN", index::kMaxInValues),
                        index::kMaxInValues);
      }
      KITH_ASSIGN_OR_RETURN(values.emplace_back(), Value());
      const FilterToken token = lexer_.Peek(Place::kField);
      if (!token.Is(",") && !token.Is(")")) return Unexpected(token, "\",\" or \")\"");
      lexer_.Take(token);
      if (token.Is(")")) return Filter::In(std::move(field), std::move(values));
    }
  }

  absl::StatusOr<std::string> Field(std::string_view expected) {
    FilterToken token = lexer_.Peek(Place::kField);
    if (!IsFieldName(token)) return Unexpected(token, expected);
    lexer_.Take(token);
    return std::move(token.text);
  }

  absl::StatusOr<ScalarValue> Value() {
    FilterToken token = lexer_.Peek(Place::kValue);
    if (token.kind == FilterToken::kQuoted) {
      lexer_.Take(token);
      return ScalarValue(std::move(token.text));
    }
    if (token.kind != FilterToken::kWord || IsKeyword(token.text)) {
      return Unexpected(token, "a value");
    }
    std::optional<ScalarValue> value = ValueOfWord(token.text);
    if (!value) return Unexpected(token, "a number of 64 bits");
    lexer_.Take(token);
    return *std::move(value);
  }

  bool TakeKeyword(std::string_view keyword) {
    const FilterToken token = lexer_.Peek(Place::kField);
    if (token.kind != FilterToken::kWord || !IsKeyword(token.text, keyword)) return false;
    lexer_.Take(token);
    return true;
  }

  absl::Status CountNode() {
    if (++nodes_ <= index::kMaxFilterNodes) return absl::OkStatus();
    return TooLarge(lexer_.Peek(Place::kField),
                    fmt::format("more than {} conditions and connectives", index::kMaxFilterNodes),
                    index::kMaxFilterNodes);
  }

  static absl::Status Unexpected(const FilterToken& token, std::string_view expected) {
    std::string found = token.kind == FilterToken::kEnd ? "the end" : Quoted(token.text);
    if (token.kind == FilterToken::kOpenQuote) {
      expected = "a closing quote";
      found = "the end";
    } else if (token.kind == FilterToken::kBadEscape) {
      expected = "one of \\ \" ' n r t after a backslash";
    }
    const size_t position = token.kind == FilterToken::kOpenQuote ? token.end : token.begin;
    return InvalidArgument(reason::kFilterSyntax, "filter: expected {} at byte {}, found {}",
                           expected, position, found)
        .Field("filter")
        .With("position", position)
        .With("expected", expected)
        .With("found", found);
  }

  static absl::Status TooLarge(const FilterToken& token, std::string_view what, size_t limit) {
    return InvalidArgument(reason::kFilterTooLarge, "filter: {} at byte {}", what, token.begin)
        .Field("filter")
        .With("position", token.begin)
        .With("limit", limit);
  }

  static constexpr std::pair<std::string_view, CompareOp> kOperators[] = {
      {"=", CompareOp::kEqual},      {"!=", CompareOp::kNotEqual}, {"<", CompareOp::kLess},
      {"<=", CompareOp::kLessEqual}, {">", CompareOp::kGreater},   {">=", CompareOp::kGreaterEqual},
      {":", CompareOp::kHas},
  };

  FilterLexer lexer_;
  size_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<Filter> ParseFilter(std::string_view text) {
  KITH_ASSIGN_OR_RETURN(Filter filter, Parser(text).Whole());
  if (absl::Status shape = index::CheckFilterShape(filter); !shape.ok()) {
    return InField(std::move(shape), "filter");
  }
  return filter;
}

}  // namespace kith::engine
