#include "server/rpc/translate_search.h"

#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

absl::StatusOr<engine::Query> ReadQuery(v1::Query* in, const engine::Limits& limits) {
  switch (in->query_case()) {
    case v1::Query::kText:
      return engine::Query(engine::TextQuery{std::move(*in->mutable_text())});
    case v1::Query::kVector: {
      absl::StatusOr<std::vector<float>> values = ReadVector(in->vector(), limits);
      if (!values.ok()) return InField(std::move(values).status(), "query.vector");
      return engine::Query(engine::VectorQuery{*std::move(values)});
    }
    case v1::Query::kDocumentId:
      return engine::Query(engine::DocumentQuery{std::move(*in->mutable_document_id())});
    case v1::Query::QUERY_NOT_SET:
      break;
  }
  return InvalidArgument(reason::kInvalidRequest, "query: give one of text, vector and document_id")
      .Field("query");
}

absl::Status LimitError(std::string_view field, int64_t given, int64_t least, uint64_t most) {
  return InvalidArgument(reason::kLimitOutOfRange, "{} is {}: it must be {} to {}", field, given,
                         least, most)
      .Field(std::string(field))
      .With("limit", most);
}

absl::Status ReadRange(const v1::SearchRequest& in, const engine::Limits& limits,
                       engine::SearchRequest* out) {
  const auto most = static_cast<int64_t>(limits.results);
  if (in.has_limit()) out->limit = in.limit();
  out->offset = in.offset();
  if (out->limit < 1 || out->limit > most) {
    return LimitError("limit", out->limit, 1, limits.results);
  }
  if (out->offset < 0 || out->offset > most) {
    return LimitError("offset", out->offset, 0, limits.results);
  }
  if (out->limit + out->offset > most) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "limit {} and offset {} are more than {} together", out->limit,
                           out->offset, most)
        .Field("offset")
        .With("limit", most);
  }
  if (in.passages_per_group() != 0) out->passages_per_group = in.passages_per_group();
  if (out->passages_per_group < 1 ||
      out->passages_per_group > static_cast<int64_t>(limits.group_passages)) {
    return LimitError("passages_per_group", out->passages_per_group, 1, limits.group_passages);
  }
  return absl::OkStatus();
}

v1::Strategy WriteStrategy(engine::Strategy strategy) {
  switch (strategy) {
    case engine::Strategy::kExactScan:
      return v1::STRATEGY_EXACT_SCAN;
    case engine::Strategy::kCodeScan:
      return v1::STRATEGY_CODE_SCAN;
    case engine::Strategy::kGraph:
      return v1::STRATEGY_GRAPH;
    case engine::Strategy::kFilteredScan:  // of queries that messages cannot ask
    case engine::Strategy::kFilteredGraph:
    case engine::Strategy::kPostings:
      break;
  }
  return v1::STRATEGY_UNSPECIFIED;
}

void WriteScored(engine::ScoredPassage&& passage, v1::ScoredPassage* out) {
  WritePassage(passage.passage, out->mutable_passage());
  out->set_text(std::move(passage.text));
  out->set_score(passage.score);
  out->set_distance(passage.distance.value_or(0));
  if (!passage.vector.empty()) WriteVector(passage.vector, out->mutable_vector());
}

void WriteHit(engine::SearchHit&& hit, bool group_by_document, v1::SearchHit* out) {
  out->set_document_id(std::move(hit.document_id));
  out->set_etag(std::move(hit.etag));
  WriteMetadata(std::move(hit.metadata), out->mutable_metadata());
  if (hit.passages.empty()) return;
  engine::ScoredPassage& best = hit.passages.front();
  WritePassage(best.passage, out->mutable_passage());
  out->set_score(best.score);
  out->set_distance(best.distance.value_or(0));
  if (!best.vector.empty()) WriteVector(best.vector, out->mutable_vector());
  if (!group_by_document) {
    out->set_text(std::move(best.text));
    return;
  }
  out->set_text(best.text);
  for (engine::ScoredPassage& passage : hit.passages) {
    WriteScored(std::move(passage), out->add_passages());
  }
}

}  // namespace

Tuning ReadTuning(const v1::Tuning& in) {
  Tuning out;
  switch (in.quality_case()) {
    case v1::Tuning::kExact:
      out.exact = in.exact();
      break;
    case v1::Tuning::kTargetRecall:
      out.target_recall = in.target_recall();
      break;
    case v1::Tuning::kEf:
      out.ef = in.ef();
      break;
    case v1::Tuning::QUALITY_NOT_SET:
      break;
  }
  return out;
}

absl::StatusOr<engine::SearchRequest> ReadSearch(v1::SearchRequest* in,
                                                 const engine::Limits& limits) {
  engine::SearchRequest out;
  KITH_RETURN_IF_ERROR(ReadRange(*in, limits, &out));
  KITH_ASSIGN_OR_RETURN(out.truncation, ReadTruncation(in->truncation(), "truncation"));
  switch (static_cast<int>(in->group_by())) {
    case v1::GROUP_BY_UNSPECIFIED:
    case v1::GROUP_BY_PASSAGE:
      break;
    case v1::GROUP_BY_DOCUMENT:
      out.group_by.kind = engine::GroupBy::Kind::kDocument;
      break;
    default:
      return InvalidArgument(reason::kInvalidRequest,
                             "group_by: {} is no value of GroupBy that this server knows",
                             static_cast<int>(in->group_by()))
          .Field("group_by");
  }
  if (in->has_select()) {
    out.select = {in->select().text(), in->select().metadata(), in->select().vectors()};
  }
  const Tuning tuning = ReadTuning(in->tuning());
  out.exact = tuning.exact;
  out.target_recall = tuning.target_recall;
  out.ef = tuning.ef;
  KITH_ASSIGN_OR_RETURN(out.query, ReadQuery(in->mutable_query(), limits));
  return out;
}

void WriteSearch(engine::SearchAnswer&& answer, bool group_by_document, v1::SearchResponse* out) {
  out->mutable_hits()->Reserve(static_cast<int>(answer.hits.size()));
  for (engine::SearchHit& hit : answer.hits) {
    WriteHit(std::move(hit), group_by_document, out->add_hits());
  }
  out->set_strategy(WriteStrategy(answer.strategy));
  out->set_exhausted(answer.exhausted);
  out->set_metric(WriteMetric(answer.metric));
  v1::SearchUsage* usage = out->mutable_usage();
  usage->set_encoded_token_count(answer.encoded_tokens);
  usage->set_query_truncated(answer.query_truncated);
  usage->set_code_distance_count(answer.code_distances);
  usage->set_exact_distance_count(answer.exact_distances);
  usage->set_graph_distance_count(answer.graph_distances);
  SetToken(answer.token, out);
}

}  // namespace kith::rpc
