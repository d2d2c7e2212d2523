#include <utility>

#include "index/terms/term_match_source.h"
#include "index/terms/term_search.h"
#include "kith/base/error.h"

namespace kith::index {

TermMatch::TermMatch() = default;
TermMatch::~TermMatch() = default;
TermMatch::TermMatch(TermMatch&&) noexcept = default;
TermMatch& TermMatch::operator=(TermMatch&&) noexcept = default;

std::span<const TermMatch::Source> TermMatch::sources() const { return sources_; }

absl::StatusOr<TermMatch> TermMatch::Create(const RowTerms& query,
                                            std::span<const TermSource> sources) {
  if (query.size() > kMaxQueryTerms) {
    return InvalidArgument(reason::kTooManyTokens, "query: {} different terms, at most {}",
                           query.size(), kMaxQueryTerms);
  }
  TermMatch match;
  match.statistics_.term_rows.resize(query.size());
  match.sources_.reserve(sources.size());
  for (const TermSource& of : sources) {
    Source source;
    source.of = of;
    source.rows = of.sealed != nullptr ? of.sealed->rows() : of.visible;
    match.statistics_.rows += source.rows;
    match.statistics_.total_length +=
        of.sealed != nullptr ? of.sealed->total_length() : of.growing->total_length(of.visible);
    for (uint32_t i = 0; i < query.size(); ++i) {
      Source::List list;
      list.term = i;
      if (of.sealed != nullptr) {
        list.sealed = of.sealed->Find(query.term(i));
      } else {
        of.growing->Find(query.term(i), of.visible, list.growing);
      }
      if (list.count() == 0) continue;
      match.statistics_.term_rows[i] += list.count();
      source.lists.push_back(std::move(list));
    }
    match.sources_.push_back(std::move(source));
  }
  return match;
}

}  // namespace kith::index
