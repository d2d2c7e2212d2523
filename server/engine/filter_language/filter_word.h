// What words say: a keyword, the name of a field, and in the place of a value a boolean, a number
// or text.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_WORD_H_
#define KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_WORD_H_

#include <optional>
#include <string_view>

#include "index/metadata/value_view.h"
#include "server/engine/filter_language/filter_lexer.h"

namespace kith::engine {

// AND, OR, NOT, IN and EXISTS, in capitals or small letters or both: neither a name nor a value
// without quotes.
bool IsKeyword(std::string_view word);
bool IsKeyword(std::string_view word, std::string_view keyword);  // `keyword` in capitals

// Anything in quotes, and a word that is no keyword and begins with a letter or _: what begins with
// a digit or a sign is likelier a value that stands on the wrong side.
bool IsFieldName(const FilterToken& token);

// Nothing for what looks like a number and is one that neither 64 bits nor a double hold.
std::optional<index::ScalarValue> ValueOfWord(std::string_view word);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTER_LANGUAGE_FILTER_WORD_H_
