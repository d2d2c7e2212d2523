#include "server/engine/read_view.h"

#include <string_view>

#include "kith/base/call.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/shard.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {
namespace {

// A page ends once it holds this many bytes: well below what a message may have.
constexpr size_t kPageBytes = 4 << 20;
// An answer by ids is refused over this: the client's message limit is its own, and this one is
// ours.
constexpr size_t kAnswerBytes = 64 << 20;

size_t BytesOf(const Document& document) {
  size_t bytes = document.id.size() + document.text.size() + 256;
  for (const Passage& passage : document.passages) bytes += passage.heading_path.size() + 32;
  for (const std::vector<float>& vector : document.vectors) bytes += vector.size() * sizeof(float);
  return bytes;
}

// What a record that storage parsed must have to be read.
absl::Status CheckRecord(const std::string& id, const store::DocumentRecord& record) {
  if (record.passages_size() == 1) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "the stored record of document {} names {} vector spaces, must be 1", Quoted(id),
               record.passages_size());
}

}  // namespace

absl::StatusOr<ReadView::GetAnswer> ReadView::Get(const std::vector<std::string>& ids,
                                                  const DocumentSelector& select) const {
  const storage::Reader reader(view_->snapshot);
  const std::vector<std::string_view> keys(ids.begin(), ids.end());
  KITH_ASSIGN_OR_RETURN(const auto records, reader.GetDocuments(shard_->identity().shard, keys));
  GetAnswer answer;
  size_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!records[i]) {
      answer.missing_ids.push_back(ids[i]);
      continue;
    }
    KITH_RETURN_IF_ERROR(CheckRecord(ids[i], *records[i]));
    KITH_ASSIGN_OR_RETURN(Document document,
                          ReadDocument(reader, shard_->identity(), ids[i], *records[i], select));
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

absl::StatusOr<ReadView::Page> ReadView::List(std::string_view after_id, size_t limit,
                                              const DocumentSelector& select) const {
  const storage::Reader reader(view_->snapshot);
  // One more than asked tells whether there is another page.
  KITH_ASSIGN_OR_RETURN(auto listed, reader.ListDocuments(shard_->identity().shard, after_id,
                                                          limit + 1, "", Call::Background()));
  Page page;
  size_t bytes = 0;
  for (const storage::ListedDocument& entry : listed) {
    if (page.documents.size() == limit || bytes > kPageBytes) {
      page.more = true;
      break;
    }
    KITH_RETURN_IF_ERROR(CheckRecord(entry.id, entry.record));
    KITH_ASSIGN_OR_RETURN(Document document,
                          ReadDocument(reader, shard_->identity(), entry.id, entry.record, select));
    bytes += BytesOf(document);
    page.documents.push_back(std::move(document));
  }
  return page;
}

uint64_t ReadView::count() const { return view_->documents; }

CommitToken ReadView::token() const { return shard_->TokenOf(*view_); }

}  // namespace kith::engine
