#include "server/rpc/translate_search.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_filter.h"
#include "server/rpc/translate_query.h"

namespace kith::rpc {
namespace {

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

absl::StatusOr<engine::GroupBy> ReadGroupBy(v1::SearchRequest* in) {
  using Kind = engine::GroupBy::Kind;
  engine::GroupBy out;
  switch (static_cast<int>(in->group_by())) {
    case v1::GROUP_BY_UNSPECIFIED:
    case v1::GROUP_BY_PASSAGE:
      break;
    case v1::GROUP_BY_DOCUMENT:
      out.kind = Kind::kDocument;
      break;
    case v1::GROUP_BY_FIELD:
      out.kind = Kind::kField;
      break;
    default:
      return InvalidArgument(reason::kInvalidRequest,
                             "group_by: {} is no value of GroupBy that this server knows",
                             static_cast<int>(in->group_by()))
          .Field("group_by");
  }
  if (in->group_field().empty() != (out.kind != Kind::kField)) {
    return InvalidArgument(
               reason::kInvalidRequest,
               "group_field: {} given; GROUP_BY_FIELD needs one, and nothing else takes "
               "one",
               Quoted(in->group_field()))
        .Field("group_field");
  }
  out.field = std::move(*in->mutable_group_field());
  return out;
}

void ReadSelect(v1::SearchSelector* in, engine::SearchSelector* out) {
  out->text = in->text();
  out->metadata = in->metadata() || !in->fields().empty();
  out->vectors = in->vectors();
  out->fields.assign(std::make_move_iterator(in->mutable_fields()->begin()),
                     std::make_move_iterator(in->mutable_fields()->end()));
}

engine::Diversify ReadDiversify(const v1::Diversify& in, int64_t hits) {
  engine::Diversify out;
  if (in.has_lambda()) out.lambda = in.lambda();
  out.pool = in.pool() == 0 ? std::max(out.pool, hits) : in.pool();
  return out;
}

// For a search whose other parts are read.
absl::StatusOr<engine::Rerank> ReadRerank(v1::Rerank* in, const engine::SearchRequest& search,
                                          const engine::Limits& limits,
                                          const engine::Encoders& encoders) {
  engine::Rerank out;
  auto model = encoders.FindCrossEncoder(in->model());
  if (!model.ok()) return InField(std::move(model).status(), "model");
  out.model = *std::move(model);
  if (in->depth() != 0) {
    out.depth = in->depth();
  } else {
    const bool grouped = search.group_by.kind != engine::GroupBy::Kind::kPassage;
    const int64_t each = grouped ? search.passages_per_group : 1;
    out.depth = std::max(search.limit + search.offset,
                         std::min(out.depth, static_cast<int64_t>(limits.rerank_texts) / each));
  }
  out.query = std::move(*in->mutable_query());
  out.raw_scores = in->raw_scores();
  KITH_ASSIGN_OR_RETURN(out.truncation, ReadTruncation(in->truncation(), "truncation"));
  return out;
}

v1::Strategy WriteStrategy(engine::Strategy strategy) {
  switch (strategy) {
    case engine::Strategy::kExactScan:
      return v1::STRATEGY_EXACT_SCAN;
    case engine::Strategy::kCodeScan:
      return v1::STRATEGY_CODE_SCAN;
    case engine::Strategy::kGraph:
      return v1::STRATEGY_GRAPH;
    case engine::Strategy::kFilteredGraph:
      return v1::STRATEGY_FILTERED_GRAPH;
    case engine::Strategy::kFilteredScan:
      return v1::STRATEGY_FILTERED_SCAN;
    case engine::Strategy::kPostings:
      return v1::STRATEGY_POSTINGS;
  }
  return v1::STRATEGY_UNSPECIFIED;
}

template <typename Message>
void WriteParts(const std::vector<engine::PartScore>& parts, Message* out) {
  for (const engine::PartScore& part : parts) {
    v1::PartScore* item = out->add_parts();
    item->set_rank(part.rank);
    if (part.score) item->set_score(*part.score);
    item->set_normalised_score(part.normalised);
    item->set_contribution(part.contribution);
    item->set_filled_in(part.filled_in);
  }
}

void WriteRerank(const engine::RerankScore& rerank, uint32_t former_rank, v1::RerankScore* out) {
  out->set_score(rerank.score);
  out->set_former_rank(former_rank);
  out->set_dropped_token_count(rerank.dropped_tokens);
}

void WriteScored(engine::ScoredPassage&& passage, v1::ScoredPassage* out) {
  WritePassage(passage.passage, out->mutable_passage());
  out->set_text(std::move(passage.text));
  out->set_score(passage.score);
  if (passage.distance) out->set_distance(*passage.distance);
  if (!passage.vector.empty()) WriteVector(passage.vector, out->mutable_vector());
  out->set_document_id(std::move(passage.document_id));
  WriteParts(passage.parts, out);
  if (passage.rerank) {
    WriteRerank(*passage.rerank, passage.rerank->former_rank, out->mutable_rerank());
  }
}

double Microseconds(int64_t nanoseconds) { return 1e-3 * static_cast<double>(nanoseconds); }

void WriteExplanation(engine::Explanation&& explanation, v1::SearchExplanation* out) {
  for (engine::Explanation::Stage& stage : explanation.stages) {
    v1::SearchStage* item = out->add_stages();
    item->set_name(std::move(stage.name));
    item->set_detail(std::move(stage.detail));
    item->set_microseconds(Microseconds(stage.nanoseconds));
    for (auto& [name, count] : stage.counts) {
      v1::StageCount* counted = item->add_counts();
      counted->set_name(std::move(name));
      counted->set_count(count);
    }
  }
  out->set_total_microseconds(Microseconds(explanation.nanoseconds));
}

void WriteHit(engine::SearchHit&& hit, bool grouped, v1::SearchHit* out) {
  out->set_document_id(std::move(hit.document_id));
  out->set_etag(std::move(hit.etag));
  WriteMetadata(std::move(hit.metadata), out->mutable_metadata());
  out->set_group_value(std::move(hit.group));
  if (hit.passages.empty()) return;
  engine::ScoredPassage& best = hit.passages.front();
  WritePassage(best.passage, out->mutable_passage());
  out->set_score(best.score);
  if (best.distance) out->set_distance(*best.distance);
  WriteParts(best.parts, out);
  if (best.rerank) WriteRerank(*best.rerank, hit.former_rank, out->mutable_rerank());
  if (!best.vector.empty()) WriteVector(best.vector, out->mutable_vector());
  if (!grouped) {
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
                                                 const engine::Limits& limits,
                                                 const engine::Encoders& encoders) {
  engine::SearchRequest out;
  KITH_RETURN_IF_ERROR(ReadRange(*in, limits, &out));
  KITH_ASSIGN_OR_RETURN(out.truncation, ReadTruncation(in->truncation(), "truncation"));
  KITH_ASSIGN_OR_RETURN(out.group_by, ReadGroupBy(in));
  KITH_ASSIGN_OR_RETURN(out.filter, ReadWhere(*in));
  if (in->has_select()) ReadSelect(in->mutable_select(), &out.select);
  if (in->has_diversify()) out.diversify = ReadDiversify(in->diversify(), out.limit + out.offset);
  if (in->has_rerank()) {
    auto rerank = ReadRerank(in->mutable_rerank(), out, limits, encoders);
    if (!rerank.ok()) return InField(std::move(rerank).status(), "rerank");
    out.rerank = *std::move(rerank);
  }
  if (in->has_score_min()) out.score_min = in->score_min();
  out.explain = in->explain();
  const Tuning tuning = ReadTuning(in->tuning());
  out.exact = tuning.exact;
  out.target_recall = tuning.target_recall;
  out.ef = tuning.ef;
  KITH_ASSIGN_OR_RETURN(out.query, ReadQuery(in->mutable_query(), limits));
  return out;
}

void WriteSearch(engine::SearchAnswer&& answer, bool grouped, v1::SearchResponse* out) {
  out->mutable_hits()->Reserve(static_cast<int>(answer.hits.size()));
  for (engine::SearchHit& hit : answer.hits) {
    WriteHit(std::move(hit), grouped, out->add_hits());
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
  usage->set_posting_count(answer.postings);
  usage->set_dropped_token_count(answer.dropped_tokens);
  usage->set_cached_text_count(answer.cached_texts);
  if (answer.reranked_passages > 0) {
    usage->set_rerank_passage_count(answer.reranked_passages);
    usage->mutable_rerank_tokens()->set_encoded_token_count(answer.rerank_tokens);
    usage->mutable_rerank_tokens()->set_dropped_token_count(answer.rerank_dropped_tokens);
  }
  SetToken(answer.token, out);
  if (answer.explanation) {
    WriteExplanation(*std::move(answer.explanation), out->mutable_explanation());
  }
}

}  // namespace kith::rpc
