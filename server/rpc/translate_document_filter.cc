#include "server/rpc/translate_document_filter.h"

#include <string>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/filter_language/parse_order.h"
#include "server/rpc/page_token.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_documents.h"
#include "server/rpc/translate_filter.h"

namespace kith::rpc {
namespace {

// What a page token belongs to: the collection and, where they are given, filter and order.
std::string ScopeOf(const v1::ListDocumentsRequest& in) {
  if (in.order_by().empty() && !HasWhere(in)) return in.collection();
  v1::ListDocumentsRequest scope;
  scope.set_collection(in.collection());
  scope.set_order_by(in.order_by());
  if (in.has_filter()) scope.set_filter(in.filter());
  if (in.has_filter_tree()) *scope.mutable_filter_tree() = in.filter_tree();
  return scope.SerializeAsString();
}

void WriteScalar(index::ScalarValue&& value, v1::Value* out) {
  if (auto* text = std::get_if<std::string>(&value)) {
    out->set_string_value(std::move(*text));
  } else if (const auto* whole = std::get_if<int64_t>(&value)) {
    out->set_int_value(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out->set_double_value(*real);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out->set_bool_value(*flag);
  } else {
    const index::Timestamp time = std::get<index::Timestamp>(value);
    WriteTimestamp(engine::Timestamp{time.micros}, out->mutable_timestamp_value());
  }
}

absl::Status OutOfRange(const char* field, const std::string& given, size_t most) {
  return InvalidArgument(reason::kLimitOutOfRange, "{}: {} given, must be 1 to {}", field, given,
                         most)
      .Field(field)
      .With("limit", most);
}

}  // namespace

absl::StatusOr<engine::ListRequest> ReadList(const v1::ListDocumentsRequest& in, size_t limit) {
  engine::ListRequest out{.limit = limit};
  KITH_ASSIGN_OR_RETURN(out.filter, ReadWhere(in));
  if (!in.order_by().empty()) {
    KITH_ASSIGN_OR_RETURN(engine::FieldOrderText order, engine::ParseOrder(in.order_by()));
    out.order_by = std::move(order.field);
    out.descending = order.descending;
  }
  KITH_ASSIGN_OR_RETURN(out.after,
                        ReadPageToken(PageKind::kDocuments, ScopeOf(in), in.page_token()));
  out.select = ReadSelector(in.has_select(), in.select(), /*text_by_default=*/false);
  return out;
}

void WriteList(const v1::ListDocumentsRequest& in, engine::DocumentPage&& page,
               v1::ListDocumentsResponse* out) {
  if (page.more) {
    out->set_next_page_token(MakePageToken(PageKind::kDocuments, ScopeOf(in), page.next));
  }
  for (engine::Document& document : page.documents) {
    WriteDocument(std::move(document), out->add_documents());
  }
}

absl::StatusOr<engine::FacetRequest> ReadFacets(const v1::FacetDocumentsRequest& in) {
  engine::FacetRequest out;
  const auto count = static_cast<size_t>(in.fields_size());
  if (count < 1 || count > engine::kFacetFieldsMax) {
    return OutOfRange("fields", fmt::format("{}", count), engine::kFacetFieldsMax);
  }
  out.fields = {in.fields().begin(), in.fields().end()};
  if (in.limit() < 0 || in.limit() > static_cast<int64_t>(engine::kFacetValuesMax)) {
    return OutOfRange("limit", fmt::format("{}", in.limit()), engine::kFacetValuesMax);
  }
  if (in.limit() > 0) out.limit = static_cast<size_t>(in.limit());
  KITH_ASSIGN_OR_RETURN(out.filter, ReadWhere(in));
  return out;
}

void WriteFacets(engine::FacetAnswer&& answer, v1::FacetDocumentsResponse* out) {
  for (engine::Facet& facet : answer.facets) {
    v1::Facet* item = out->add_facets();
    item->set_field(std::move(facet.field));
    for (index::FacetCount& count : facet.values) {
      v1::FacetValue* value = item->add_values();
      WriteScalar(std::move(count.value), value->mutable_value());
      value->set_document_count(count.documents);
      value->set_passage_count(count.passages);
    }
    item->set_value_count(facet.value_count);
    item->set_document_count(facet.document_count);
  }
  out->set_document_count(answer.count.documents);
  out->set_passage_count(answer.count.passages);
}

absl::StatusOr<engine::DeleteMatchingRequest> ReadDeleteMatching(
    const v1::DeleteDocumentsRequest& in) {
  if (!in.deletes().empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "{} ids and a filter are given: delete by one of them",
                           in.deletes_size())
        .Field("deletes");
  }
  if (!in.request_id().empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "request_id: a deletion by filter cannot be repeated by its id")
        .Field("request_id");
  }
  engine::DeleteMatchingRequest out;
  out.dry_run = in.dry_run();
  KITH_ASSIGN_OR_RETURN(out.durability, ReadDurability(in.durability(), "durability"));
  KITH_ASSIGN_OR_RETURN(auto filter, ReadWhere(in));
  out.filter = *std::move(filter);
  if (out.filter.kind == index::Filter::Kind::kAll) {
    return InvalidArgument(reason::kInvalidRequest,
                           "filter: an empty one passes every document; to delete all of them, "
                           "delete the collection")
        .Field("filter");
  }
  return out;
}

void WriteDeleteMatching(const engine::DeleteMatchingAnswer& answer,
                         v1::DeleteDocumentsResponse* out) {
  out->set_deleted_count(answer.deleted);
  out->set_changed_count(answer.changed);
  SetToken(answer.token, out);
  out->set_durability(WriteDurability(answer.durability));
}

}  // namespace kith::rpc
