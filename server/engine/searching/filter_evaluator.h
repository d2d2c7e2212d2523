// What filters let through on one View, remembered while its searches run: those of a batch often
// have the same filter.
//
// Thread-safe: searches of a batch run side by side.

#ifndef KITH_SERVER_ENGINE_SEARCHING_FILTER_EVALUATOR_H_
#define KITH_SERVER_ENGINE_SEARCHING_FILTER_EVALUATOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "index/metadata/filter.h"
#include "kith/base/call.h"
#include "server/engine/filtering/view_matches.h"
#include "server/engine/view.h"

namespace kith::engine {

class FilterEvaluator {
 public:
  // `unindexed`: fields that the schema leaves out of the index, ascending. All outlive this.
  FilterEvaluator(const View& view, const std::vector<std::string>& unindexed, const Call& call)
      : view_(view), fields_(FieldLookup(*view.fields, unindexed)), call_(call) {}
  FilterEvaluator(const FilterEvaluator&) = delete;
  FilterEvaluator& operator=(const FilterEvaluator&) = delete;

  // What the collection knows of a field.
  index::FilterField FieldOf(std::string_view field) const { return fields_(field); }

  // The rows that the filter is true of, found at the first asking (or at the first few, when they
  // come at once); they stay until the end.
  // INVALID_ARGUMENT as index::ResolveFilter, with the field "filter".
  absl::StatusOr<const ViewMatches*> MatchesOf(const index::Filter& filter)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The same for a filter that nobody else will ask for.
  absl::StatusOr<ViewMatches> Evaluate(const index::Filter& filter) const;

 private:
  struct Known {
    index::Filter filter;
    ViewMatches matches;
  };

  // Null if it is not there.
  const ViewMatches* Find(const index::Filter& filter) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const View& view_;
  const index::FilterFieldLookup fields_;
  const Call& call_;

  absl::Mutex mu_;
  std::vector<std::unique_ptr<const Known>> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_FILTER_EVALUATOR_H_
