// Grouping by a metadata field: the best groups of passages whose documents have the same keyword
// in it. Documents without the field are in no group.

#ifndef KITH_SERVER_ENGINE_SEARCHING_FIELD_GROUPS_H_
#define KITH_SERVER_ENGINE_SEARCHING_FIELD_GROUPS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "server/engine/searching/filter_evaluator.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {

struct FieldGroup {
  std::string value;
  std::vector<Candidate> passages;  // best first, at least one
};

// INVALID_ARGUMENT unless the field holds keywords, one a document, and is indexed (FIELD_TYPE,
// FIELD_NOT_INDEXED), or is not known: then there are no groups.
absl::Status CheckGroupField(std::string_view field, const index::FilterField& known);

class FieldGrouper {
 public:
  // Of the rows of `filtered` (null: all) that are not excluded. All outlive this.
  FieldGrouper(const RankContext& context, const FilterEvaluator& filters,
               const ViewMatches* filtered, const std::string& field,
               std::vector<index::OrdinalRange> exclude)
      : context_(context),
        filters_(filters),
        filtered_(filtered),
        field_(field),
        exclude_(std::move(exclude)) {}

  // The `count` best groups by their best passage, with their best `passages`, best first. Goes
  // through ever more of the ranking; where that is long and groups are few, on without the groups
  // that it has.
  absl::StatusOr<std::vector<FieldGroup>> Best(RowRanker* ranker, size_t count, size_t passages);

  // The same of a ranking whose scores depend on what is ranked (a hybrid one): groups, and their
  // passages, are those that are among the kFieldGroupRows best.
  absl::StatusOr<std::vector<FieldGroup>> BestOfOneRanking(Ranker* ranker, size_t count,
                                                           size_t passages);

 private:
  // The rows with the field that `which` is true of.
  absl::StatusOr<ViewMatches> MatchesOf(index::Filter which) const;
  // Adds what `ranker` finds in these sets, deeper and deeper until there are `count` groups. Sets
  // `complete` if it has seen all of it.
  absl::Status Deepen(Ranker* ranker, const ViewMatches& matches, size_t count, size_t passages,
                      std::vector<FieldGroup>* groups, bool* complete) const;
  void AddTo(std::vector<FieldGroup>* groups, const std::vector<Candidate>& candidates,
             size_t passages) const;
  std::string ValueOf(const Candidate& candidate) const;

  const RankContext& context_;
  const FilterEvaluator& filters_;
  const ViewMatches* const filtered_;
  const std::string& field_;
  const std::vector<index::OrdinalRange> exclude_;
};

// So deep goes one ranking.
inline constexpr size_t kFieldGroupRows = 10'000;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_FIELD_GROUPS_H_
