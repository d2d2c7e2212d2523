// kith.v1 <-> engine: documents by filter: listing, facets, deleting. See translate_common.h for
// what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_DOCUMENT_FILTER_H_
#define KITH_SERVER_RPC_TRANSLATE_DOCUMENT_FILTER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "kith/v1/document_service.pb.h"
#include "server/engine/document_filter.h"

namespace kith::rpc {

// The page of `limit` documents that the request's token names. INVALID_PAGE_TOKEN for one of
// another collection, filter or order.
absl::StatusOr<engine::ListRequest> ReadList(const v1::ListDocumentsRequest& in, size_t limit);
// `in`: the request, which the token of the next page is bound to.
void WriteList(const v1::ListDocumentsRequest& in, engine::DocumentPage&& page,
               v1::ListDocumentsResponse* out);

absl::StatusOr<engine::FacetRequest> ReadFacets(const v1::FacetDocumentsRequest& in);
void WriteFacets(engine::FacetAnswer&& answer, v1::FacetDocumentsResponse* out);

// REQUIRES: HasWhere(in). INVALID_REQUEST for what cannot go with a filter, and for an empty one:
// nobody deletes everything by leaving something out.
absl::StatusOr<engine::DeleteMatchingRequest> ReadDeleteMatching(
    const v1::DeleteDocumentsRequest& in);
void WriteDeleteMatching(const engine::DeleteMatchingAnswer& answer,
                         v1::DeleteDocumentsResponse* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_DOCUMENT_FILTER_H_
