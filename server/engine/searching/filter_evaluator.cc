#include "server/engine/searching/filter_evaluator.h"

#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::engine {

const ViewMatches* FilterEvaluator::Find(const index::Filter& filter) const {
  for (const auto& known : known_) {
    if (known->filter == filter) return &known->matches;
  }
  return nullptr;
}

absl::StatusOr<const ViewMatches*> FilterEvaluator::MatchesOf(const index::Filter& filter) {
  {
    absl::MutexLock lock(&mu_);
    if (const ViewMatches* known = Find(filter)) return known;
  }
  KITH_ASSIGN_OR_RETURN(ViewMatches matches, Evaluate(filter));
  absl::MutexLock lock(&mu_);
  if (const ViewMatches* known = Find(filter)) return known;
  known_.push_back(std::make_unique<const Known>(Known{filter, std::move(matches)}));
  return &known_.back()->matches;
}

absl::StatusOr<ViewMatches> FilterEvaluator::Evaluate(const index::Filter& filter) const {
  auto resolved = index::ResolveFilter(filter, fields_);
  if (!resolved.ok()) return InField(std::move(resolved).status(), "filter");
  return ViewMatches::Of(view_.index, *resolved, call_);
}

}  // namespace kith::engine
