#include "encoder/text/packer.h"

#include <algorithm>
#include <utility>

#include "encoder/utf8.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

// A beginning of `text` shorter than all of it: the grapheme clusters up to `limit` bytes but at
// least one; where the text is a single cluster, the code points up to `limit` but at least one.
// REQUIRES: 0 < limit < text.size(), and text is more than one code point.
uint32_t ShorterPrefix(std::string_view text, uint32_t limit) {
  Boundaries clusters(Boundaries::Kind::kGrapheme);
  clusters.Start(text);
  uint32_t best = clusters.Next();
  for (uint32_t at; (at = clusters.Next()) <= limit;) best = at;
  if (best < text.size()) return best;
  while (limit > 0 && IsUtf8Continuation(text[limit])) --limit;
  return limit > 0 ? limit : DecodeUtf8(text, 0).size_bytes;
}

}  // namespace

absl::Status PassagePacker::Pack(Span section, std::string heading_path, const Call& call) {
  heading_path_ = std::move(heading_path);
  body_budget_ = budget_ - (heading_path_.empty() ? 0 : counter_.Count(heading_path_, ""));
  ReadUnits(section);
  size_t first = 0;  // of the passage at hand, with its overlap
  size_t next = 0;   // the first unit that is in no passage yet
  while (next < units_.size()) KITH_RETURN_IF_ERROR(PackFrom(&first, &next, call));
  return absl::OkStatus();
}

void PassagePacker::ReadUnits(Span section) {
  units_.clear();
  // Small enough that passages of fragments are well filled and overlap as others do.
  const uint32_t fragment_tokens = std::max<uint32_t>(
      1, overlap_tokens_ > 0 ? std::min(overlap_tokens_, body_budget_ / 4) : body_budget_ / 4);
  std::vector<Span> fragments;
  Sentence sentence;
  for (sentences_.Start(text_, section); sentences_.Next(&sentence);) {
    const std::vector<Token>& tokens = counter_.Tokens(sentence.span.Of(text_));
    if (tokens.size() <= body_budget_) {
      units_.push_back(
          {sentence.span, static_cast<uint32_t>(tokens.size()), sentence.ends_paragraph});
      continue;
    }
    fragments.clear();
    fragments_.Cut(text_, sentence.span, tokens, fragment_tokens, body_budget_, &fragments);
    for (const Span& fragment : fragments) {
      const auto count = static_cast<uint32_t>(counter_.Tokens(fragment.Of(text_)).size());
      units_.push_back({fragment, count, false});
    }
    units_.back().ends_paragraph = sentence.ends_paragraph;
  }
}

// The first unit of the passage that brings `next`: units before it are repeated while they are
// within the overlap and leave room for `next`, but never all of the previous passage.
size_t PassagePacker::OverlapStart(size_t next, size_t previous_first) const {
  if (next == 0) return 0;
  uint32_t overlap = 0;
  size_t first = next;
  while (first > previous_first + 1) {
    const uint32_t with = overlap + units_[first - 1].tokens;
    if (with > overlap_tokens_ || with + units_[next].tokens > body_budget_) break;
    overlap = with;
    --first;
  }
  return first;
}

// One past the last unit of a passage that begins with `first` and must bring at least `next`.
size_t PassagePacker::FillFrom(size_t first, size_t next) const {
  uint32_t sum = 0;
  for (size_t i = first; i < next; ++i) sum += units_[i].tokens;
  size_t paragraph_end = 0;
  size_t end = next;
  while (end < units_.size() && (end == next || sum + units_[end].tokens <= body_budget_)) {
    sum += units_[end].tokens;
    ++end;
    if (units_[end - 1].ends_paragraph && sum >= body_budget_ / 2) paragraph_end = end;
  }
  return end < units_.size() && paragraph_end > next ? paragraph_end : end;
}

absl::Status PassagePacker::PackFrom(size_t* first, size_t* next, const Call& call) {
  KITH_RETURN_IF_ERROR(call.Check());
  *first = OverlapStart(*next, *first);
  size_t end = FillFrom(*first, *next);
  while (true) {
    const Span span = {units_[*first].span.begin, units_[end - 1].span.end};
    const uint32_t tokens = CountFor(span);
    if (tokens <= budget_) {
      *next = end;
      return Emit(span, tokens);
    }
    if (*first < *next) {
      *first = *next;  // without the overlap
    } else if (end > *next + 1) {
      --end;
    } else {
      return EmitPiece(next);
    }
  }
}

// Unit `*next` is over the budget alone, as can happen to fragments that begin within a word, whose
// tokens are others than the word's. Its beginning that fits becomes a passage; the rest stays.
absl::Status PassagePacker::EmitPiece(size_t* next) {
  Unit& unit = units_[*next];
  Span piece = unit.span;
  uint32_t tokens = CountFor(piece);
  // Ends at a single code point at the latest: that has at most four tokens.
  while (tokens > budget_) {
    const uint32_t size = piece.end - piece.begin;
    const auto share = static_cast<uint32_t>(uint64_t{size} * budget_ / tokens);
    piece.end =
        piece.begin + ShorterPrefix(piece.Of(text_), std::clamp<uint32_t>(share, 1, size - 1));
    tokens = CountFor(piece);
  }
  const Span rest = Trimmed(text_, {piece.end, unit.span.end});
  if (rest.empty()) {
    ++*next;
  } else {
    unit.span = rest;
    unit.tokens = static_cast<uint32_t>(counter_.Tokens(rest.Of(text_)).size());
  }
  return Emit(piece, tokens);
}

absl::Status PassagePacker::Emit(Span span, uint32_t tokens) {
  if (passages_.size() == max_passages_) {
    return InvalidArgument(reason::kBatchTooLarge,
                           "text: {} bytes make more than {} passages (at most {} tokens each)",
                           text_.size(), max_passages_, budget_)
        .With("max_passages", max_passages_);
  }
  passages_.push_back({span.begin, span.end, heading_path_, tokens});
  return absl::OkStatus();
}

}  // namespace kith::encoder
