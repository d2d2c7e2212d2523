#include "server/engine/searching/field_groups.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "index/metadata/field_values.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

constexpr size_t kDeepen = 4;

}  // namespace

absl::Status CheckGroupField(std::string_view field, const index::FilterField& known) {
  KITH_RETURN_IF_ERROR(
      InField(index::CheckFieldIndexed(field, known, "group_field"), "group_field"));
  if (!known.type || *known.type == index::FieldType::kKeyword) return absl::OkStatus();
  return InvalidArgument(reason::kFilterType,
                         "group_field: field {} holds {}, groups are made of keyword fields",
                         Quoted(field), index::FieldTypeName(*known.type))
      .Field("group_field");
}

absl::StatusOr<ViewMatches> FieldGrouper::MatchesOf(index::Filter which) const {
  KITH_ASSIGN_OR_RETURN(
      ViewMatches matches,
      filters_.Evaluate(index::Filter::And({index::Filter::Exists(field_), std::move(which)})));
  if (filtered_ == nullptr) return matches;
  return matches.And(*filtered_);
}

std::string FieldGrouper::ValueOf(const Candidate& candidate) const {
  const auto place = context_.view.Find(candidate.hit.ordinal);
  KITH_CHECK(place.has_value(), "candidates are of this view");
  const index::FieldValues values(context_.view.segments()[place->segment].metadata, field_);
  const auto value = values.First(place->slot);
  // Only rows with the field are asked for, and it holds keywords alone.
  KITH_CHECK(value.has_value() && std::holds_alternative<std::string_view>(*value),
             "candidates have the field");
  return std::string(std::get<std::string_view>(*value));
}

void FieldGrouper::AddTo(std::vector<FieldGroup>* groups, const std::vector<Candidate>& candidates,
                         size_t passages) const {
  absl::flat_hash_map<std::string, size_t> places;
  for (size_t i = 0; i < groups->size(); ++i) places[(*groups)[i].value] = i;
  for (const Candidate& candidate : candidates) {
    std::string value = ValueOf(candidate);
    const auto [at, is_new] = places.try_emplace(std::move(value), groups->size());
    if (is_new) groups->push_back({at->first, {}});
    std::vector<Candidate>& members = (*groups)[at->second].passages;
    if (members.size() < passages) members.push_back(candidate);
  }
}

absl::Status FieldGrouper::Deepen(Ranker* ranker, const ViewMatches& matches, size_t count,
                                  size_t passages, std::vector<FieldGroup>* groups,
                                  bool* complete) const {
  const Scope scope = {matches.allow(), exclude_};
  const size_t before = groups->size();
  for (size_t rows = std::min(2 * count, kFieldGroupRows);; rows *= kDeepen) {
    rows = std::min(rows, kFieldGroupRows);
    KITH_ASSIGN_OR_RETURN(const std::vector<Candidate> candidates,
                          ranker->Best(scope, static_cast<uint32_t>(rows), false));
    groups->resize(before);
    AddTo(groups, candidates, passages);
    *complete = candidates.size() < rows;
    if (*complete || groups->size() >= count || rows == kFieldGroupRows) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<FieldGroup>> FieldGrouper::Best(RowRanker* ranker, size_t count,
                                                           size_t passages) {
  std::vector<FieldGroup> groups;
  bool complete = false;
  KITH_ASSIGN_OR_RETURN(ViewMatches matches, MatchesOf(index::Filter::All()));
  KITH_RETURN_IF_ERROR(Deepen(ranker, matches, count, passages, &groups, &complete));
  const bool all_seen = complete;
  while (groups.size() < count && !complete) {
    std::vector<index::ScalarValue> found;
    for (const FieldGroup& group : groups) found.emplace_back(group.value);
    KITH_ASSIGN_OR_RETURN(
        matches, MatchesOf(index::Filter::Not(index::Filter::In(field_, std::move(found)))));
    KITH_RETURN_IF_ERROR(Deepen(ranker, matches, count, passages, &groups, &complete));
  }
  if (groups.size() > count) groups.resize(count);
  if (all_seen) return groups;
  for (FieldGroup& group : groups) {
    if (group.passages.size() == passages) continue;
    KITH_ASSIGN_OR_RETURN(
        matches, MatchesOf(index::Filter::Compare(field_, index::CompareOp::kEqual, group.value)));
    KITH_ASSIGN_OR_RETURN(
        std::vector<Candidate> best,
        ranker->Best({matches.allow(), exclude_}, static_cast<uint32_t>(passages), false));
    // A walk of a graph may have missed what another one found.
    if (best.size() > group.passages.size()) group.passages = std::move(best);
  }
  return groups;
}

absl::StatusOr<std::vector<FieldGroup>> FieldGrouper::BestOfOneRanking(Ranker* ranker, size_t count,
                                                                       size_t passages) {
  std::vector<FieldGroup> groups;
  bool complete = false;
  KITH_ASSIGN_OR_RETURN(const ViewMatches matches, MatchesOf(index::Filter::All()));
  KITH_RETURN_IF_ERROR(Deepen(ranker, matches, count, passages, &groups, &complete));
  if (groups.size() > count) groups.resize(count);
  return groups;
}

}  // namespace kith::engine
