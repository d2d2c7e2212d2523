// The inverse of ParseFilter, for tests: a tree as a text that is read back as the same tree.

#ifndef KITH_TESTS_SERVER_FILTER_LANGUAGE_PRINT_FILTER_H_
#define KITH_TESTS_SERVER_FILTER_LANGUAGE_PRINT_FILTER_H_

#include <functional>
#include <string>

#include "index/metadata/filter.h"

namespace kith::engine {

// How a text is written where the language leaves a choice; each is asked anew for every choice.
struct PrintStyle {
  std::function<bool()> bare = [] { return false; };    // words without quotes, where they may be
  std::function<bool()> lower = [] { return false; };   // keywords in small letters
  std::function<bool()> single = [] { return false; };  // 'quotes'
  std::function<std::string()> space = [] { return std::string(" "); };
};

// REQUIRES: And and Or have two parts at least, In one value; no time among the values (a text says
// them by strings).
std::string PrintFilter(const index::Filter& filter, const PrintStyle& style = {});

}  // namespace kith::engine

#endif  // KITH_TESTS_SERVER_FILTER_LANGUAGE_PRINT_FILTER_H_
