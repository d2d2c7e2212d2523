#include "server/engine/searching/fetch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "index/metric.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

void KeepFields(const std::vector<std::string>& fields, Metadata* metadata) {
  if (fields.empty()) return;
  Metadata kept;
  for (const std::string& field : fields) {
    if (auto value = metadata->extract(field)) kept.insert(std::move(value));
  }
  *metadata = std::move(kept);
}

}  // namespace

absl::StatusOr<std::vector<Found>> Fetcher::FindDocuments(std::span<const Candidate> hits) const {
  std::vector<Found> found(hits.size());
  std::vector<size_t> missing;
  std::vector<uint64_t> ordinals;
  for (size_t i = 0; i < hits.size(); ++i) {
    const uint64_t ordinal = hits[i].hit.ordinal;
    found[i].passages.push_back(hits[i]);
    found[i].stored = cache_->Find(CacheKey(ordinal));
    if (found[i].stored != nullptr) continue;
    missing.push_back(i);
    ordinals.push_back(ordinal);
  }
  if (missing.empty()) return found;
  KITH_ASSIGN_OR_RETURN(auto passages, ReadPassages(reader_, shard_, ordinals));
  std::vector<std::string_view> ids;
  for (const store::PassageRecord& passage : passages) ids.push_back(passage.document_id());
  KITH_ASSIGN_OR_RETURN(auto records, reader_.GetDocuments(shard_.shard, ids));
  for (size_t i = 0; i < missing.size(); ++i) {
    if (!records[i]) return Vanished(shard_, ids[i]);
    KITH_RETURN_IF_ERROR(CheckDocumentRecord(passages[i].document_id(), *records[i], shard_.space));
    auto stored = std::make_shared<const StoredHit>(
        StoredHit{std::move(passages[i]), *std::move(records[i])});
    cache_->Insert(CacheKey(ordinals[i]), stored);
    found[missing[i]].stored = std::move(stored);
  }
  return found;
}

absl::Status Fetcher::AddPassages(Ranker* ranker, size_t count, Found* found) const {
  const store::PassageRange& range = *RangeIn(found->record(), shard_.space);
  if (count == 1 || range.passage_count() == 1) return absl::OkStatus();
  KITH_ASSIGN_OR_RETURN(std::vector<Candidate> best,
                        ranker->BestOf(range.first_ordinal(), range.passage_count(), count));
  std::vector<uint64_t> ordinals;
  for (const Candidate& passage : best) ordinals.push_back(passage.hit.ordinal);
  KITH_ASSIGN_OR_RETURN(found->ranked, ReadPassages(reader_, shard_, ordinals));
  found->passages = std::move(best);
  return absl::OkStatus();
}

HitCache::Key Fetcher::CacheKey(uint64_t ordinal) const {
  HitCache::Key key{shard_.shard, shard_.space, ordinal};
  if (const auto place = view_.index.Find(ordinal)) {
    key.stamp = view_.index.segments()[place->segment].metadata.StampOf(place->slot);
  }
  return key;
}

absl::StatusOr<SearchHit> Fetcher::Fetch(const SearchSelector& select, const Found& found) const {
  const store::DocumentRecord& record = found.record();
  SearchHit hit;
  hit.document_id = found.stored->passage.document_id();
  hit.etag = DocumentEtag(shard_.shard, record.sequence());
  if (select.metadata) {
    KITH_ASSIGN_OR_RETURN(hit.metadata, ReadMetadata(record));
    KeepFields(select.fields, &hit.metadata);
  }
  std::vector<std::vector<float>> vectors;
  if (select.vectors) {
    std::vector<uint64_t> ordinals;
    for (const Candidate& passage : found.passages) ordinals.push_back(passage.hit.ordinal);
    KITH_ASSIGN_OR_RETURN(vectors, ReadVectors(reader_, shard_, ordinals));
  }
  for (size_t i = 0; i < found.passages.size(); ++i) {
    ScoredPassage& scored = hit.passages.emplace_back();
    scored.passage = ReadPassage(found.passage(i));
    scored.score = found.passages[i].hit.score;
    scored.document_id = hit.document_id;
    scored.parts = found.passages[i].parts;
    if (distances_) {
      scored.distance = index::Distance(view_.index.options().metric, scored.score);
    }
    if (select.vectors) scored.vector = std::move(vectors[i]);
    if (!select.text || record.text_id() == 0) continue;
    if (scored.passage.begin > scored.passage.end ||
        scored.passage.end > record.text_size_bytes()) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "a passage of document {} lies outside its text", Quoted(hit.document_id));
    }
    KITH_ASSIGN_OR_RETURN(scored.text, reader_.ReadText(shard_.shard, record.text_id(),
                                                        scored.passage.begin, scored.passage.end));
  }
  return hit;
}

}  // namespace kith::engine
