#include "server/engine/filter_language/parse_order.h"

#include <utility>

#include "kith/base/error.h"
#include "server/engine/filter_language/filter_lexer.h"
#include "server/engine/filter_language/filter_word.h"

namespace kith::engine {

absl::StatusOr<FieldOrderText> ParseOrder(std::string_view text) {
  constexpr auto kPlace = FilterLexer::Place::kField;
  FilterLexer lexer(text);
  FilterToken field = lexer.Peek(kPlace);
  lexer.Take(field);
  FilterToken direction = lexer.Peek(kPlace);
  lexer.Take(direction);
  const FilterToken end = lexer.Peek(kPlace);
  const bool ascending = direction.kind == FilterToken::kEnd || IsKeyword(direction.text, "ASC");
  const bool descending = !ascending && IsKeyword(direction.text, "DESC");
  if (!IsFieldName(field) || (!ascending && !descending) ||
      direction.kind == FilterToken::kQuoted || end.kind != FilterToken::kEnd) {
    return InvalidArgument(reason::kInvalidRequest,
                           "order_by: {} is not a field, or a field and asc or desc", Quoted(text))
        .Field("order_by");
  }
  return FieldOrderText{std::move(field.text), descending};
}

}  // namespace kith::engine
