#include "server/engine/document_reader.h"

#include <numeric>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

// The rows of a View are all there: a missing one was lost.
template <typename Row>
absl::StatusOr<std::vector<Row>> AllPresent(std::vector<std::optional<Row>> rows, const char* what,
                                            const SpaceIdentity& shard,
                                            std::span<const uint64_t> ordinals) {
  std::vector<Row> out;
  out.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i]) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "the {} of ordinal {} in shard {} is missing from storage", what, ordinals[i],
                   shard.shard);
    }
    out.push_back(*std::move(rows[i]));
  }
  return out;
}

}  // namespace

absl::Status Vanished(const ShardIdentity& shard, std::string_view id) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "shard {} has a passage of document {}, which is missing from storage", shard.shard,
               Quoted(id));
}

absl::Status CheckDocumentRecord(const std::string& id, const store::DocumentRecord& record,
                                 uint16_t space) {
  if (RangeIn(record, space) != nullptr) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "the stored record of document {} has no passages in vector space {}", Quoted(id),
               space);
}

size_t BytesOf(const Document& document) {
  size_t bytes = document.id.size() + document.text.size() + 256;
  for (const Passage& passage : document.passages) bytes += passage.heading_path.size() + 32;
  for (const std::vector<float>& vector : document.vectors) bytes += vector.size() * sizeof(float);
  return bytes;
}

std::vector<uint64_t> OrdinalsFrom(uint64_t first, uint64_t count) {
  std::vector<uint64_t> ordinals(count);
  std::iota(ordinals.begin(), ordinals.end(), first);
  return ordinals;
}

absl::StatusOr<std::vector<store::PassageRecord>> ReadPassages(const storage::Reader& reader,
                                                               const SpaceIdentity& shard,
                                                               std::span<const uint64_t> ordinals) {
  KITH_ASSIGN_OR_RETURN(auto rows, reader.GetPassages(shard.shard, shard.space, ordinals));
  return AllPresent(std::move(rows), "passage", shard, ordinals);
}

absl::StatusOr<std::vector<std::vector<float>>> ReadVectors(const storage::Reader& reader,
                                                            const SpaceIdentity& shard,
                                                            std::span<const uint64_t> ordinals) {
  KITH_ASSIGN_OR_RETURN(auto found,
                        reader.GetVectors(shard.shard, shard.space, shard.dimension, ordinals));
  KITH_ASSIGN_OR_RETURN(auto rows, AllPresent(std::move(found), "vector", shard, ordinals));
  std::vector<std::vector<float>> vectors;
  vectors.reserve(rows.size());
  for (storage::VectorRow& row : rows) vectors.push_back(std::move(row.values));
  return vectors;
}

absl::StatusOr<Document> ReadDocument(const storage::Reader& reader, const SpaceIdentity& shard,
                                      const std::string& id, const store::DocumentRecord& record,
                                      const DocumentSelector& select) {
  Document document;
  document.id = id;
  document.etag = DocumentEtag(shard.shard, record.sequence());
  document.create_time = {record.create_time_us()};
  document.update_time = {record.update_time_us()};
  document.text_bytes = record.text_size_bytes();
  const store::PassageRange& range = *RangeIn(record, shard.space);
  document.passage_count = range.passage_count();
  if (select.text && record.text_id() != 0) {
    KITH_ASSIGN_OR_RETURN(
        document.text, reader.ReadText(shard.shard, record.text_id(), 0, record.text_size_bytes()));
  }
  if (select.metadata) {
    KITH_ASSIGN_OR_RETURN(document.metadata, ReadMetadata(record));
  }
  const std::vector<uint64_t> ordinals = OrdinalsFrom(
      range.first_ordinal(), select.passages || select.vectors ? range.passage_count() : 0);
  if (select.passages) {
    KITH_ASSIGN_OR_RETURN(const auto records, ReadPassages(reader, shard, ordinals));
    for (const store::PassageRecord& passage : records) {
      document.passages.push_back(ReadPassage(passage));
    }
  }
  if (select.vectors) {
    KITH_ASSIGN_OR_RETURN(document.vectors, ReadVectors(reader, shard, ordinals));
  }
  return document;
}

}  // namespace kith::engine
