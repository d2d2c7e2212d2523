#include "server/engine/filtering/document_pages.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/filtering/ordered_documents.h"
#include "server/engine/filtering/page_cursor.h"
#include "server/engine/filtering/view_matches.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

// A page ends once it holds this many bytes: well below what a message may have.
constexpr size_t kPageBytes = 4 << 20;

// Records that are read at a time where not all match.
constexpr size_t kScannedAtOnce = 512;
// Passages that are fetched at a time for their documents' ids.
constexpr size_t kFetchedAtOnce = 1024;
// What fetching a passage by its ordinal costs, in records read in the order of ids.
constexpr uint64_t kFetchCost = 4;

// A page under way: documents until it is full.
class PageFiller {
 public:
  PageFiller(const PageContext& context, const ListRequest& request)
      : context_(context), request_(request) {}

  // Adds the document, or says that it would be one too many: then there are more.
  absl::StatusOr<bool> Add(const std::string& id, const store::DocumentRecord& record,
                           std::string cursor) {
    if (page_.documents.size() == request_.limit || bytes_ > kPageBytes) {
      page_.more = true;
      page_.next = std::move(last_cursor_);
      return false;
    }
    KITH_RETURN_IF_ERROR(CheckDocumentRecord(id, record, context_.shard.space));
    KITH_ASSIGN_OR_RETURN(Document document, ReadDocument(context_.reader, context_.shard, id,
                                                          record, request_.select));
    bytes_ += BytesOf(document);
    page_.documents.push_back(std::move(document));
    last_cursor_ = std::move(cursor);
    return true;
  }

  DocumentPage Take() { return std::move(page_); }

 private:
  const PageContext& context_;
  const ListRequest& request_;
  DocumentPage page_;
  size_t bytes_ = 0;
  std::string last_cursor_;
};

// The ids of documents by their first ordinals.
absl::StatusOr<std::vector<std::string>> IdsOf(const PageContext& context,
                                               std::span<const uint64_t> first_ordinals) {
  std::vector<std::string> ids;
  ids.reserve(first_ordinals.size());
  while (!first_ordinals.empty()) {
    KITH_RETURN_IF_ERROR(context.call.Check());
    const size_t count = std::min(first_ordinals.size(), kFetchedAtOnce);
    KITH_ASSIGN_OR_RETURN(auto passages,
                          ReadPassages(context.reader, context.shard, first_ordinals.first(count)));
    for (store::PassageRecord& passage : passages) {
      ids.push_back(std::move(*passage.mutable_document_id()));
    }
    first_ordinals = first_ordinals.subspan(count);
  }
  return ids;
}

// Documents of given ids, in their order; `cursor_of(i)` is where the i-th one stands.
template <typename CursorOf>
absl::StatusOr<DocumentPage> PageOf(const PageContext& context, const ListRequest& request,
                                    const std::vector<std::string>& ids,
                                    const CursorOf& cursor_of) {
  const std::vector<std::string_view> keys(ids.begin(), ids.end());
  KITH_ASSIGN_OR_RETURN(const auto records, context.reader.GetDocuments(context.shard.shard, keys));
  PageFiller filler(context, request);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!records[i].has_value()) return Vanished(context.shard, ids[i]);
    KITH_ASSIGN_OR_RETURN(const bool added, filler.Add(ids[i], *records[i], cursor_of(i)));
    if (!added) break;
  }
  return filler.Take();
}

// By id, the records in their order, those that do not match left out.
absl::StatusOr<DocumentPage> ScanPage(const PageContext& context, const ListRequest& request,
                                      const ViewMatches* matches) {
  PageFiller filler(context, request);
  std::string after = request.after;
  // One more than asked tells whether there is another page.
  const size_t at_once = matches == nullptr ? request.limit + 1 : kScannedAtOnce;
  for (bool more = true; more;) {
    KITH_ASSIGN_OR_RETURN(
        const auto listed,
        context.reader.ListDocuments(context.shard.shard, after, at_once, "", context.call));
    more = listed.size() == at_once;
    for (const storage::ListedDocument& entry : listed) {
      after = entry.id;
      if (matches != nullptr) {
        KITH_RETURN_IF_ERROR(CheckDocumentRecord(entry.id, entry.record, context.shard.space));
        const auto row =
            context.view.index.Find(RangeIn(entry.record, context.shard.space)->first_ordinal());
        if (!row.has_value() || !matches->Contains(*row)) continue;
      }
      KITH_ASSIGN_OR_RETURN(const bool added, filler.Add(entry.id, entry.record, entry.id));
      if (!added) return filler.Take();
    }
  }
  return filler.Take();
}

// By id, from the ids of all that match.
absl::StatusOr<DocumentPage> SortPage(const PageContext& context, const ListRequest& request,
                                      const ViewMatches& matches) {
  KITH_ASSIGN_OR_RETURN(auto ids, IdsOf(context, matches.FirstOrdinals()));
  if (!request.after.empty()) {
    std::erase_if(ids, [&](const std::string& id) { return id <= request.after; });
  }
  const size_t count = std::min(ids.size(), request.limit + 1);
  std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end());
  ids.resize(count);
  return PageOf(context, request, ids, [&](size_t i) { return ids[i]; });
}

absl::StatusOr<DocumentPage> OrderPage(const PageContext& context, const ListRequest& request,
                                       const ViewMatches& matches) {
  std::optional<PageCursor> after;
  if (!request.after.empty()) {
    KITH_ASSIGN_OR_RETURN(after, DecodeCursor(request.after));
    if (after->space != context.shard.space) {
      return InvalidArgument(reason::kInvalidPageToken,
                             "page_token is of before the collection changed its encoder: begin "
                             "the listing anew")
          .Field("page_token");
    }
  }
  OrderedDocuments order(context.view.index, matches, request.order_by, request.descending, after);
  std::vector<PageCursor> cursors;
  std::vector<uint64_t> ordinals;
  while (ordinals.size() <= request.limit) {
    std::optional<PageCursor> next = order.Next();
    if (!next.has_value()) break;
    next->space = context.shard.space;
    ordinals.push_back(next->first_ordinal);
    cursors.push_back(*std::move(next));
  }
  KITH_ASSIGN_OR_RETURN(const auto ids, IdsOf(context, ordinals));
  return PageOf(context, request, ids, [&](size_t i) { return EncodeCursor(cursors[i]); });
}

}  // namespace

bool FetchAndSort(uint64_t matches, uint64_t documents, uint64_t limit) {
  if (matches == 0) return true;
  const double scanned = std::min(
      static_cast<double>(limit) * static_cast<double>(documents) / static_cast<double>(matches),
      static_cast<double>(documents));
  return static_cast<double>(matches * kFetchCost) < scanned;
}

absl::StatusOr<DocumentPage> ReadPage(const PageContext& context, const ListRequest& request) {
  const bool by_id = request.order_by.empty();
  if (by_id && !request.filter.has_value()) return ScanPage(context, request, nullptr);
  if (!by_id) {
    KITH_RETURN_IF_ERROR(InField(
        index::CheckFieldIndexed(request.order_by, context.fields(request.order_by), "order_by"),
        "order_by"));
  }
  KITH_ASSIGN_OR_RETURN(
      const index::Filter filter,
      index::ResolveFilter(request.filter.value_or(index::Filter::All()), context.fields));
  KITH_ASSIGN_OR_RETURN(const ViewMatches matches,
                        ViewMatches::Of(context.view.index, filter, context.call));
  if (!by_id) return OrderPage(context, request, matches);
  if (FetchAndSort(matches.CountDocuments(), context.view.documents, request.limit)) {
    return SortPage(context, request, matches);
  }
  return ScanPage(context, request, &matches);
}

}  // namespace kith::engine
