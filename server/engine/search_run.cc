#include "server/engine/search_run.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "index/search.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

// Passages of a document that ask, when it is the query.
constexpr uint64_t kAskingPassagesMax = 16;
// Bytes of codes and of float32 values that one core scans in a nanosecond, on the slow side.
constexpr double kCodesPerNanosecond = 5;
constexpr double kFloatsPerNanosecond = 2;
// A walk through a graph: candidates, if the request does not say, codes met for each of them, and
// what each of these costs beside its bytes.
constexpr int64_t kUsualEf = 64;
constexpr double kDistancesPerCandidate = 16;
constexpr double kNanosecondsPerDistance = 15;

// A hit of the index, and what storage says about it.
struct Found {
  std::shared_ptr<const StoredHit> stored;   // of the hit, the best passage
  std::vector<index::Hit> passages;          // best first
  std::vector<store::PassageRecord> ranked;  // one a passage; none: the best is the only one

  const std::string& document_id() const { return stored->passage.document_id(); }
  const store::DocumentRecord& record() const { return stored->document; }
  const store::PassageRecord& passage(size_t i) const {
    return ranked.empty() ? stored->passage : ranked[i];
  }
};

absl::Status Vanished(const ShardIdentity& shard, std::string_view id) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "shard {} has a passage of document {}, which is missing from storage", shard.shard,
               Quoted(id));
}

// The documents of the hits, one each: from the cache, and the rest from two batches of reads.
absl::StatusOr<std::vector<Found>> FindDocuments(const storage::Reader& reader, HitCache* cache,
                                                 const ShardIdentity& shard,
                                                 std::span<const index::Hit> hits) {
  std::vector<Found> found(hits.size());
  std::vector<size_t> missing;
  std::vector<uint64_t> ordinals;
  for (size_t i = 0; i < hits.size(); ++i) {
    found[i].passages.push_back(hits[i]);
    found[i].stored = cache->Find(shard.shard, hits[i].ordinal);
    if (found[i].stored != nullptr) continue;
    missing.push_back(i);
    ordinals.push_back(hits[i].ordinal);
  }
  if (missing.empty()) return found;
  KITH_ASSIGN_OR_RETURN(auto passages, ReadPassages(reader, shard, ordinals));
  std::vector<std::string_view> ids;
  for (const store::PassageRecord& passage : passages) ids.push_back(passage.document_id());
  KITH_ASSIGN_OR_RETURN(auto records, reader.GetDocuments(shard.shard, ids));
  for (size_t i = 0; i < missing.size(); ++i) {
    if (!records[i] || records[i]->passages_size() != 1) return Vanished(shard, ids[i]);
    auto stored = std::make_shared<const StoredHit>(
        StoredHit{std::move(passages[i]), *std::move(records[i])});
    cache->Insert(shard.shard, ordinals[i], stored);
    found[missing[i]].stored = std::move(stored);
  }
  return found;
}

// All passages of a document are scored, the best `count` stay.
absl::Status AddPassages(const View& view, const storage::Reader& reader,
                         const ShardIdentity& shard, const QueryVectors& query, size_t count,
                         const Call& call, Found* found, uint64_t* distances) {
  const store::PassageRange& range = found->record().passages(0);
  if (count == 1 || range.passage_count() == 1) return absl::OkStatus();
  const std::vector<uint64_t> ordinals = OrdinalsFrom(range.first_ordinal(), range.passage_count());
  KITH_ASSIGN_OR_RETURN(const auto scores,
                        index::ExactScores(view.index, query.values, ordinals, call));
  *distances += ordinals.size();
  std::vector<index::Hit> all;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (scores[i]) all.push_back({ordinals[i], static_cast<uint32_t>(i), *scores[i]});
  }
  std::sort(all.begin(), all.end(), [](const index::Hit& a, const index::Hit& b) {
    return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
  });
  if (all.size() > count) all.resize(count);
  std::vector<uint64_t> best;
  for (const index::Hit& passage : all) best.push_back(passage.ordinal);
  KITH_ASSIGN_OR_RETURN(found->ranked, ReadPassages(reader, shard, best));
  found->passages = std::move(all);
  return absl::OkStatus();
}

absl::StatusOr<SearchHit> Fetch(const View& view, const storage::Reader& reader,
                                const ShardIdentity& shard, const SearchSelector& select,
                                const Found& found) {
  SearchHit hit;
  hit.document_id = found.document_id();
  hit.etag = DocumentEtag(shard.shard, found.record().sequence());
  if (select.metadata) {
    KITH_ASSIGN_OR_RETURN(hit.metadata, ReadMetadata(found.record()));
  }
  std::vector<std::vector<float>> vectors;
  if (select.vectors) {
    std::vector<uint64_t> ordinals;
    for (const index::Hit& passage : found.passages) ordinals.push_back(passage.ordinal);
    KITH_ASSIGN_OR_RETURN(vectors, ReadVectors(reader, shard, ordinals));
  }
  for (size_t i = 0; i < found.passages.size(); ++i) {
    ScoredPassage& scored = hit.passages.emplace_back();
    scored.passage = ReadPassage(found.passage(i));
    scored.score = found.passages[i].score;
    scored.distance = index::Distance(view.index.options().metric, scored.score);
    if (select.vectors) scored.vector = std::move(vectors[i]);
    if (!select.text || found.record().text_id() == 0) continue;
    if (scored.passage.begin > scored.passage.end ||
        scored.passage.end > found.record().text_size_bytes()) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "a passage of document {} lies outside its text", Quoted(found.document_id()));
    }
    KITH_ASSIGN_OR_RETURN(scored.text, reader.ReadText(shard.shard, found.record().text_id(),
                                                       scored.passage.begin, scored.passage.end));
  }
  return hit;
}

}  // namespace

absl::StatusOr<QueryVectors> VectorsOfDocument(const storage::Reader& reader,
                                               const ShardIdentity& shard, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(const auto record, reader.GetDocument(shard.shard, id));
  if (!record) {
    return Error(absl::StatusCode::kNotFound, reason::kDocumentNotFound,
                 "the document {} does not exist", Quoted(id))
        .Field("query.document_id");
  }
  if (record->passages_size() != 1) return Vanished(shard, id);
  const store::PassageRange& range = record->passages(0);
  const std::vector<uint64_t> ordinals = OrdinalsFrom(
      range.first_ordinal(), std::min<uint64_t>(range.passage_count(), kAskingPassagesMax));
  KITH_ASSIGN_OR_RETURN(const auto vectors, ReadVectors(reader, shard, ordinals));
  QueryVectors query;
  for (const std::vector<float>& vector : vectors) {
    query.values.insert(query.values.end(), vector.begin(), vector.end());
  }
  query.exclude.push_back({range.first_ordinal(), range.first_ordinal() + range.passage_count()});
  return query;
}

absl::StatusOr<SearchAnswer> RunSearch(const View& view, const storage::Reader& reader,
                                       HitCache* cache, const ShardIdentity& shard,
                                       const SearchRequest& request, const QueryVectors& query,
                                       double boost, const Call& call) {
  thread_local index::SearchScratch scratch;
  const auto wanted = static_cast<uint32_t>(request.offset + request.limit);
  KITH_ASSIGN_OR_RETURN(
      index::SearchResult result,
      index::Search(view.index,
                    {.queries = query.values,
                     .k = wanted,
                     .exact = request.exact,
                     .target_recall = request.target_recall.value_or(kDefaultTargetRecall),
                     .ef = static_cast<uint32_t>(request.ef.value_or(0)),
                     .ef_boost = boost,
                     .group_by_document = request.group_by_document,
                     .exclude = query.exclude},
                    call, scratch));
  SearchAnswer answer;
  answer.strategy = request.exact                ? Strategy::kExactScan
                    : result.segments_walked > 0 ? Strategy::kGraph
                                                 : Strategy::kCodeScan;
  answer.exhausted = result.hits.size() < wanted;
  answer.metric = view.index.options().metric;
  answer.code_distances = request.exact ? 0 : result.rows_scanned;
  answer.graph_distances = result.graph_distances;
  answer.exact_distances = request.exact ? result.rows_scanned : result.rows_rescored;

  const size_t skipped = std::min<size_t>(request.offset, result.hits.size());
  KITH_ASSIGN_OR_RETURN(std::vector<Found> found,
                        FindDocuments(reader, cache, shard,
                                      std::span<const index::Hit>(result.hits).subspan(skipped)));
  for (Found& one : found) {
    KITH_RETURN_IF_ERROR(call.Check());
    if (request.group_by_document) {
      KITH_RETURN_IF_ERROR(AddPassages(view, reader, shard, query, request.passages_per_group, call,
                                       &one, &answer.exact_distances));
    }
    KITH_ASSIGN_OR_RETURN(SearchHit hit, Fetch(view, reader, shard, request.select, one));
    answer.hits.push_back(std::move(hit));
  }
  return answer;
}

double EstimateNanoseconds(const View& view, const SearchRequest& request) {
  const double dimension = view.index.options().dimension;
  if (request.exact) {
    return static_cast<double>(view.index.live_rows()) * dimension / kFloatsPerNanosecond;
  }
  const auto ef = std::max<int64_t>(request.ef.value_or(kUsualEf), request.limit + request.offset);
  const double walk = static_cast<double>(ef) * kDistancesPerCandidate *
                      (kNanosecondsPerDistance + dimension / kCodesPerNanosecond);
  double nanoseconds = 0;
  for (const index::SegmentView& segment : view.index.segments()) {
    const double scan = segment.visible * dimension / kCodesPerNanosecond;
    nanoseconds += segment.sealed != nullptr ? std::min(scan, walk) : scan;
  }
  return nanoseconds;
}

}  // namespace kith::engine
