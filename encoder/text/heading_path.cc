#include "encoder/text/heading_path.h"

#include <algorithm>

#include "encoder/text/span.h"

namespace kith::encoder {
namespace {

std::string Join(const std::vector<std::string_view>& titles, size_t first) {
  std::string path;
  for (size_t i = first; i < titles.size(); ++i) {
    if (i > first) path += " > ";
    path += titles[i];
  }
  return path;
}

}  // namespace

std::string HeadingPath(const std::vector<std::string_view>& titles, uint32_t max_tokens,
                        TokenCounter* counter) {
  for (size_t first = 0; first < titles.size(); ++first) {
    std::string path = Join(titles, first);
    if (counter->Count(path, "") <= max_tokens) return path;
  }
  if (titles.empty()) return {};
  // Cut before the first word that does not fit; what is left can have other tokens, so look again.
  std::string_view title = titles.back();
  while (counter->Count(title, "") > max_tokens) {
    const std::vector<Token>& tokens = counter->Tokens(title);
    if (tokens.empty()) return {};
    size_t keep = std::min<size_t>(max_tokens, tokens.size() - 1);
    while (keep > 0 && tokens[keep].begin <= tokens[keep - 1].end) {
      --keep;  // inside a word
    }
    if (keep == 0) return {};
    const Span kept = Trimmed(title, {0, tokens[keep].begin});
    title = kept.Of(title);
  }
  return std::string(title);
}

}  // namespace kith::encoder
