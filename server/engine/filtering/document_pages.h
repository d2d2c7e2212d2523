// A page of documents: by id, by a field, and of those that a filter lets through. What
// ReadView::List does.
//
// Documents in the order of ids are in storage, documents in the order of a field are in the index.
// A filtered listing by id is planned: where most documents match, records are read in the order of
// ids and looked up in the matches; where few do, the ids of all matches are fetched and sorted.

#ifndef KITH_SERVER_ENGINE_FILTERING_DOCUMENT_PAGES_H_
#define KITH_SERVER_ENGINE_FILTERING_DOCUMENT_PAGES_H_

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "kith/base/call.h"
#include "server/engine/document_filter.h"
#include "server/engine/shard_identity.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {

struct PageContext {
  const View& view;
  const storage::Reader& reader;  // of the View's snapshot
  const SpaceIdentity& shard;
  const index::FilterFieldLookup& fields;
  const Call& call;
};

// INVALID_ARGUMENT also for `after` of another order (INVALID_PAGE_TOKEN). A page ends early once
// it holds as many bytes as a message should.
absl::StatusOr<DocumentPage> ReadPage(const PageContext& context, const ListRequest& request);

// Whether ids of `matches` documents should be fetched and sorted, rather than `documents` be read
// in the order of their ids until `limit` match. For tests, too.
bool FetchAndSort(uint64_t matches, uint64_t documents, uint64_t limit);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_DOCUMENT_PAGES_H_
