#include "server/rpc/translate_query.h"

#include <string>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

// Paths here are relative to the message given; the caller puts its own before them.
absl::Status NothingSet(std::string_view choices) {
  return InvalidArgument(reason::kInvalidRequest, "nothing asks: give one of {}", choices);
}

absl::StatusOr<engine::VectorQuery> ReadVectorQuery(const v1::Vector& in,
                                                    const engine::Limits& limits) {
  absl::StatusOr<std::vector<float>> values = ReadVector(in, limits);
  if (!values.ok()) return InField(std::move(values).status(), "vector");
  return engine::VectorQuery{*std::move(values)};
}

template <typename Repeated>
std::vector<double> ReadWeights(const Repeated& in) {
  return {in.begin(), in.end()};
}

absl::StatusOr<engine::WeightedFusion> ReadWeighted(const v1::WeightedFusion& in) {
  using Normalisation = engine::WeightedFusion::Normalisation;
  engine::WeightedFusion out{.weights = ReadWeights(in.weights())};
  switch (static_cast<int>(in.normalisation())) {
    case v1::SCORE_NORMALISATION_UNSPECIFIED:
    case v1::SCORE_NORMALISATION_MIN_MAX:
      out.normalisation = Normalisation::kMinMax;
      break;
    case v1::SCORE_NORMALISATION_NONE:
      out.normalisation = Normalisation::kNone;
      break;
    case v1::SCORE_NORMALISATION_Z_SCORE:
      out.normalisation = Normalisation::kZScore;
      break;
    default:
      return InvalidArgument(
                 reason::kInvalidRequest,
                 "normalisation: {} is no value of ScoreNormalisation that this server knows",
                 static_cast<int>(in.normalisation()))
          .Field("weighted.normalisation");
  }
  return out;
}

absl::StatusOr<engine::HybridQuery::Part> ReadPart(v1::HybridPart* in,
                                                   const engine::Limits& limits) {
  using Part = engine::HybridQuery::Part;
  switch (in->part_case()) {
    case v1::HybridPart::kText:
      return Part(engine::TextQuery{std::move(*in->mutable_text())});
    case v1::HybridPart::kVector: {
      KITH_ASSIGN_OR_RETURN(auto vector, ReadVectorQuery(in->vector(), limits));
      return Part(std::move(vector));
    }
    case v1::HybridPart::kDocumentId:
      return Part(engine::DocumentQuery{std::move(*in->mutable_document_id())});
    case v1::HybridPart::kLexical:
      return Part(engine::LexicalQuery{std::move(*in->mutable_lexical()->mutable_text())});
    case v1::HybridPart::PART_NOT_SET:
      break;
  }
  return NothingSet("text, vector, document_id and lexical");
}

absl::StatusOr<engine::HybridQuery> ReadHybrid(v1::HybridQuery* in, const engine::Limits& limits) {
  engine::HybridQuery out;
  for (v1::HybridPart& item : *in->mutable_parts()) {
    absl::StatusOr<engine::HybridQuery::Part> part = ReadPart(&item, limits);
    if (!part.ok()) {
      return InField(std::move(part).status(), fmt::format("parts[{}]", out.parts.size()));
    }
    out.parts.push_back(*std::move(part));
  }
  if (in->has_rrf()) {
    engine::RrfFusion rrf{.weights = ReadWeights(in->rrf().weights())};
    if (in->rrf().has_k()) rrf.k = in->rrf().k();
    out.fusion = std::move(rrf);
  } else if (in->has_weighted()) {
    KITH_ASSIGN_OR_RETURN(out.fusion, ReadWeighted(in->weighted()));
  }
  out.candidates = in->candidates();
  if (in->has_fill_in()) out.fill_in = in->fill_in();
  return out;
}

using Example = engine::RecommendQuery::Example;

absl::StatusOr<Example> ReadExample(v1::RecommendExample* in, const engine::Limits& limits) {
  switch (in->example_case()) {
    case v1::RecommendExample::kText:
      return Example(engine::TextQuery{std::move(*in->mutable_text())});
    case v1::RecommendExample::kVector: {
      KITH_ASSIGN_OR_RETURN(auto vector, ReadVectorQuery(in->vector(), limits));
      return Example(std::move(vector));
    }
    case v1::RecommendExample::kDocumentId:
      return Example(engine::DocumentQuery{std::move(*in->mutable_document_id())});
    case v1::RecommendExample::EXAMPLE_NOT_SET:
      break;
  }
  return NothingSet("text, vector and document_id");
}

absl::StatusOr<std::vector<Example>> ReadExamples(
    google::protobuf::RepeatedPtrField<v1::RecommendExample>* in, const char* field,
    const engine::Limits& limits) {
  std::vector<Example> out;
  for (v1::RecommendExample& item : *in) {
    absl::StatusOr<Example> example = ReadExample(&item, limits);
    if (!example.ok()) {
      return InField(std::move(example).status(), fmt::format("{}[{}]", field, out.size()));
    }
    out.push_back(*std::move(example));
  }
  return out;
}

absl::StatusOr<engine::RecommendQuery> ReadRecommend(v1::RecommendQuery* in,
                                                     const engine::Limits& limits) {
  engine::RecommendQuery out;
  KITH_ASSIGN_OR_RETURN(out.positive, ReadExamples(in->mutable_positive(), "positive", limits));
  KITH_ASSIGN_OR_RETURN(out.negative, ReadExamples(in->mutable_negative(), "negative", limits));
  switch (static_cast<int>(in->method())) {
    case v1::RECOMMEND_METHOD_UNSPECIFIED:
    case v1::RECOMMEND_METHOD_AVERAGE:
      out.method = engine::RecommendQuery::Method::kAverage;
      break;
    case v1::RECOMMEND_METHOD_BEST_SCORE:
      out.method = engine::RecommendQuery::Method::kBestScore;
      break;
    default:
      return InvalidArgument(reason::kInvalidRequest,
                             "method: {} is no value of RecommendMethod that this server knows",
                             static_cast<int>(in->method()))
          .Field("method");
  }
  return out;
}

// `read` as a query, its error's path below `field`.
template <typename Read>
absl::StatusOr<engine::Query> At(const char* field, absl::StatusOr<Read> read) {
  if (!read.ok()) return InField(std::move(read).status(), field);
  return engine::Query(*std::move(read));
}

}  // namespace

absl::StatusOr<engine::Query> ReadQuery(v1::Query* in, const engine::Limits& limits) {
  switch (in->query_case()) {
    case v1::Query::kText:
      return engine::Query(engine::TextQuery{std::move(*in->mutable_text())});
    case v1::Query::kVector:
      return At("query", ReadVectorQuery(in->vector(), limits));
    case v1::Query::kDocumentId:
      return engine::Query(engine::DocumentQuery{std::move(*in->mutable_document_id())});
    case v1::Query::kLexical:
      return engine::Query(engine::LexicalQuery{std::move(*in->mutable_lexical()->mutable_text())});
    case v1::Query::kHybrid:
      return At("query.hybrid", ReadHybrid(in->mutable_hybrid(), limits));
    case v1::Query::kRecommend:
      return At("query.recommend", ReadRecommend(in->mutable_recommend(), limits));
    case v1::Query::QUERY_NOT_SET:
      break;
  }
  return InField(NothingSet("text, vector, document_id, lexical, hybrid and recommend"), "query");
}

}  // namespace kith::rpc
