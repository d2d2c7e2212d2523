#include "encoder/text/fragments.h"

#include <algorithm>

namespace kith::encoder {
namespace {

// Stretches without white space are searched for words in pieces of this size, which bounds what
// ICU's dictionaries allocate. Words at the seams are missed as places for a cut, no more.
constexpr size_t kWordSearchBytes = 4096;

}  // namespace

void FragmentCutter::Cut(std::string_view text, Span sentence, const std::vector<Token>& tokens,
                         size_t max_tokens, size_t max_cluster_tokens,
                         std::vector<Span>* fragments) {
  const std::string_view own = sentence.Of(text);
  quality_.assign(tokens.size(), kNever);
  RateGaps(own, tokens);
  RateClusters(own, tokens);
  RateWords(own, tokens, max_tokens);

  uint32_t begin = sentence.begin;
  for (size_t first = 0; first < tokens.size();) {
    const size_t next = CutAfter(first, max_tokens, max_cluster_tokens);
    const uint32_t end = next < tokens.size() ? sentence.begin + tokens[next].begin : sentence.end;
    const Span fragment = Trimmed(text, {begin, end});
    if (!fragment.empty()) fragments->push_back(fragment);
    begin = end;
    first = next;
  }
}

// White space before a token, and whether its first byte may begin a piece at all: tokens that
// share bytes (the letters of one Hangul syllable) stay together.
void FragmentCutter::RateGaps(std::string_view sentence, const std::vector<Token>& tokens) {
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i].begin < tokens[i - 1].end) continue;
    const std::string_view gap =
        sentence.substr(tokens[i - 1].end, tokens[i].begin - tokens[i - 1].end);
    if (gap.find('\n') != gap.npos) {
      quality_[i] = kLine;
    } else {
      // A gap without white space holds what the normaliser dropped, or nothing.
      quality_[i] = HasWhiteSpace(gap) ? kSpace : kInCluster;
    }
  }
}

// Tokens that begin a grapheme cluster rise to kCluster; white space inside a cluster (a space
// under an accent) is no place for a cut.
void FragmentCutter::RateClusters(std::string_view sentence, const std::vector<Token>& tokens) {
  if (clusters_ == nullptr) clusters_ = std::make_unique<Boundaries>(Boundaries::Kind::kGrapheme);
  clusters_->Start(sentence);
  uint32_t boundary = 0;
  for (size_t i = 1; i < tokens.size(); ++i) {
    while (boundary < tokens[i].begin) boundary = clusters_->Next();
    if (quality_[i] == kNever) continue;
    if (boundary == tokens[i].begin) {
      quality_[i] = std::max(quality_[i], kCluster);
    } else {
      quality_[i] = kInCluster;
    }
  }
}

// Only where white space is too far apart: in writing systems without it, in long identifiers.
void FragmentCutter::RateWords(std::string_view sentence, const std::vector<Token>& tokens,
                               size_t max_tokens) {
  for (size_t first = 0; first < tokens.size();) {
    size_t last = first + 1;  // tokens [first, last) have no white space between them
    while (last < tokens.size() && quality_[last] < kSpace) ++last;
    if (last - first > max_tokens) {
      if (words_ == nullptr) words_ = std::make_unique<Boundaries>(Boundaries::Kind::kWord);
      for (size_t from = first; from < last;) {
        size_t to = from + 1;
        while (to < last && (quality_[to] < kCluster ||
                             tokens[to].begin - tokens[from].begin < kWordSearchBytes)) {
          ++to;
        }
        // Not to the last token's end, which can be a megabyte away.
        const uint32_t origin = tokens[from].begin;
        words_->Start(sentence.substr(origin, tokens[to - 1].begin - origin));
        uint32_t boundary = 0;
        for (size_t i = from + 1; i + 1 < to; ++i) {
          while (boundary < tokens[i].begin - origin) boundary = words_->Next();
          if (boundary == tokens[i].begin - origin && quality_[i] == kCluster) quality_[i] = kWord;
        }
        from = to;
      }
    }
    first = last;
  }
}

// The token before which to cut the piece that begins with token `first`.
size_t FragmentCutter::CutAfter(size_t first, size_t max_tokens, size_t max_cluster_tokens) const {
  const size_t count = quality_.size();
  if (count - first <= max_tokens) return count;
  size_t best = 0;
  for (size_t i = first + 1; i <= first + max_tokens; ++i) {
    if (quality_[i] < kCluster) continue;
    if (best == 0 || quality_[i] >= quality_[best]) best = i;  // the last one of the best kind
  }
  if (best != 0) return best;
  // The cluster goes on: to its end if that is near enough, else to wherever a token ends.
  size_t inside = 0;
  const size_t limit = std::min(count, first + max_cluster_tokens);
  for (size_t i = first + 1; i < limit; ++i) {
    if (quality_[i] >= kCluster) return i;
    if (quality_[i] == kInCluster) inside = i;
  }
  if (limit == count) return count;
  return inside != 0 ? inside : limit;
}

}  // namespace kith::encoder
