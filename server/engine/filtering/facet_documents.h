// Counting documents, and the values that their fields have, under a filter. What ReadView::Count
// and ReadView::Facets do. In memory; no storage is read.

#ifndef KITH_SERVER_ENGINE_FILTERING_FACET_DOCUMENTS_H_
#define KITH_SERVER_ENGINE_FILTERING_FACET_DOCUMENTS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "kith/base/call.h"
#include "server/engine/document_filter.h"
#include "server/engine/view.h"

namespace kith::engine {

absl::StatusOr<DocumentCount> CountDocuments(const View& view,
                                             const std::optional<index::Filter>& filter,
                                             const index::FilterFieldLookup& fields,
                                             const Call& call);

// INVALID_ARGUMENT, also: too many fields or values, none (LIMIT_OUT_OF_RANGE).
absl::StatusOr<FacetAnswer> FacetDocuments(const View& view, const FacetRequest& request,
                                           const index::FilterFieldLookup& fields,
                                           const Call& call);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_FACET_DOCUMENTS_H_
