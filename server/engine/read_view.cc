#include "server/engine/read_view.h"

#include <string_view>

#include "kith/base/call.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/filtering/document_pages.h"
#include "server/engine/filtering/facet_documents.h"
#include "server/engine/filtering/view_matches.h"
#include "server/engine/shard.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {
namespace {

// An answer by ids is refused over this: the client's message limit is its own, and this one is
// ours.
constexpr size_t kAnswerBytes = 64 << 20;

}  // namespace

absl::StatusOr<ReadView::GetAnswer> ReadView::Get(const std::vector<std::string>& ids,
                                                  const DocumentSelector& select) const {
  const storage::Reader reader(view_->snapshot);
  const std::vector<std::string_view> keys(ids.begin(), ids.end());
  KITH_ASSIGN_OR_RETURN(const auto records, reader.GetDocuments(space_->identity().shard, keys));
  GetAnswer answer;
  size_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!records[i]) {
      answer.missing_ids.push_back(ids[i]);
      continue;
    }
    KITH_RETURN_IF_ERROR(CheckDocumentRecord(ids[i], *records[i], space_->identity().space));
    KITH_ASSIGN_OR_RETURN(Document document,
                          ReadDocument(reader, space_->identity(), ids[i], *records[i], select));
    bytes += BytesOf(document);
    if (bytes > kAnswerBytes) {
      return Error(absl::StatusCode::kResourceExhausted, reason::kMessageTooLarge,
                   "ids: the first {} of these documents are over {} bytes: ask for fewer", i + 1,
                   kAnswerBytes)
          .Field("ids")
          .With("limit", kAnswerBytes);
    }
    answer.documents.push_back(std::move(document));
  }
  return answer;
}

absl::StatusOr<DocumentPage> ReadView::List(const ListRequest& request, const Call& call) const {
  const storage::Reader reader(view_->snapshot);
  return ReadPage({*view_, reader, space_->identity(), Fields(), call}, request);
}

absl::StatusOr<DocumentCount> ReadView::Count(const std::optional<index::Filter>& filter,
                                              const Call& call) const {
  return CountDocuments(*view_, filter, Fields(), call);
}

absl::StatusOr<FacetAnswer> ReadView::Facets(const FacetRequest& request, const Call& call) const {
  return FacetDocuments(*view_, request, Fields(), call);
}

index::FilterFieldLookup ReadView::Fields() const {
  return FieldLookup(*view_->fields, unindexed_);
}

uint64_t ReadView::count() const { return view_->documents; }

CommitToken ReadView::token() const { return shard_->TokenOf(*view_); }

}  // namespace kith::engine
