#include "server/engine/filtering/facet_documents.h"

#include <string>
#include <utility>

#include "index/metadata/facets.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/filtering/view_matches.h"

namespace kith::engine {
namespace {

absl::StatusOr<ViewMatches> MatchesOf(const View& view, const std::optional<index::Filter>& filter,
                                      const index::FilterFieldLookup& fields, const Call& call) {
  KITH_ASSIGN_OR_RETURN(const index::Filter resolved,
                        index::ResolveFilter(filter.value_or(index::Filter::All()), fields));
  return ViewMatches::Of(view.index, resolved, call);
}

absl::Status CheckRange(const char* field, size_t value, size_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return InvalidArgument(reason::kLimitOutOfRange, "{}: {}, must be 1 to {}", field, value, max)
      .Field(field)
      .With("limit", max);
}

}  // namespace

absl::StatusOr<DocumentCount> CountDocuments(const View& view,
                                             const std::optional<index::Filter>& filter,
                                             const index::FilterFieldLookup& fields,
                                             const Call& call) {
  if (!filter.has_value()) return DocumentCount{view.documents, view.passages};
  KITH_ASSIGN_OR_RETURN(const ViewMatches matches, MatchesOf(view, filter, fields, call));
  return DocumentCount{matches.CountDocuments(), matches.rows()};
}

absl::StatusOr<FacetAnswer> FacetDocuments(const View& view, const FacetRequest& request,
                                           const index::FilterFieldLookup& fields,
                                           const Call& call) {
  KITH_RETURN_IF_ERROR(CheckRange("fields", request.fields.size(), kFacetFieldsMax));
  KITH_RETURN_IF_ERROR(CheckRange("limit", request.limit, kFacetValuesMax));
  for (size_t i = 0; i < request.fields.size(); ++i) {
    const std::string& field = request.fields[i];
    KITH_RETURN_IF_ERROR(InField(index::CheckFieldIndexed(field, fields(field), "facets"),
                                 fmt::format("fields[{}]", i)));
  }
  KITH_ASSIGN_OR_RETURN(const ViewMatches matches, MatchesOf(view, request.filter, fields, call));
  FacetAnswer answer;
  answer.count = {matches.CountDocuments(), matches.rows()};
  for (const std::string& field : request.fields) {
    index::FacetCounter counter(field);
    for (size_t s = 0; s < matches.sets().size(); ++s) {
      if (matches.sets()[s].empty()) continue;
      KITH_RETURN_IF_ERROR(counter.Add(view.index.segments()[s].metadata, matches.sets()[s], call));
    }
    answer.facets.push_back(
        {field, counter.Top(request.limit), counter.values(), counter.documents()});
  }
  return answer;
}

}  // namespace kith::engine
