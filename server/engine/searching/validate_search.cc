#include "server/engine/searching/validate_search.h"

#include <cmath>
#include <cstddef>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/fusion.h"
#include "server/engine/searching/rerank_hits.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

absl::Status OutOfRange(const char* field, int64_t value, const char* rule, int64_t limit) {
  return InvalidArgument(reason::kLimitOutOfRange, "{}: {} given, must be {} {}", field, value,
                         rule, limit)
      .Field(field)
      .With("limit", limit);
}

absl::Status ValidatePage(const SearchRequest& request, const Limits& limits) {
  const auto results = static_cast<int64_t>(limits.results);
  if (request.limit < 1 || request.limit > results) {
    return OutOfRange("limit", request.limit, "from 1 to", results);
  }
  if (request.offset < 0) return OutOfRange("offset", request.offset, "at least", 0);
  if (request.offset > results - request.limit) {
    return OutOfRange("offset", request.offset, "with limit at most", results);
  }
  const auto passages = static_cast<int64_t>(limits.group_passages);
  if (request.passages_per_group < 1 || request.passages_per_group > passages) {
    return OutOfRange("passages_per_group", request.passages_per_group, "from 1 to", passages);
  }
  return absl::OkStatus();
}

absl::Status ValidateSelector(const SearchSelector& select, const Limits& limits) {
  if (select.fields.size() > limits.metadata_keys) {
    return OutOfRange("select.fields", static_cast<int64_t>(select.fields.size()), "at most",
                      static_cast<int64_t>(limits.metadata_keys));
  }
  return absl::OkStatus();
}

absl::Status ValidateGrouping(const GroupBy& group_by, const Limits& limits) {
  if (group_by.kind != GroupBy::Kind::kField) return absl::OkStatus();
  const size_t bytes = group_by.field.size();
  if (bytes >= 1 && bytes <= limits.metadata_key_bytes) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidRequest,
                         "group_field: a field's name of {} bytes given, must be from 1 to {}",
                         bytes, limits.metadata_key_bytes)
      .Field("group_field")
      .With("limit", limits.metadata_key_bytes);
}

// Comparisons are written so that NaN is refused, too.
absl::Status ValidateShape(const SearchRequest& request) {
  if (request.score_min && !std::isfinite(*request.score_min)) {
    return InvalidArgument(reason::kInvalidRequest, "score_min: {} given, must be finite",
                           *request.score_min)
        .Field("score_min");
  }
  if (!request.diversify) return absl::OkStatus();
  const Diversify& diversify = *request.diversify;
  if (!(diversify.lambda >= 0 && diversify.lambda <= 1)) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "diversify.lambda: {} given, must be from 0 to 1", diversify.lambda)
        .Field("diversify.lambda")
        .With("limit", 1);
  }
  if (diversify.pool > kDiversifyPoolMax) {
    return OutOfRange("diversify.pool", diversify.pool, "at most", kDiversifyPoolMax);
  }
  if (diversify.pool < request.offset + request.limit) {
    return OutOfRange("diversify.pool", diversify.pool, "at least limit and offset together,",
                      request.offset + request.limit);
  }
  return absl::OkStatus();
}

absl::Status ValidateHybrid(const HybridQuery& hybrid, const SearchRequest& request) {
  if (hybrid.parts.empty() || hybrid.parts.size() > kHybridPartsMax) {
    return OutOfRange("query.hybrid.parts", static_cast<int64_t>(hybrid.parts.size()), "from 1 to",
                      kHybridPartsMax);
  }
  if (hybrid.fusion) {
    const bool rrf = std::holds_alternative<RrfFusion>(*hybrid.fusion);
    KITH_RETURN_IF_ERROR(InField(ValidateFusion(*hybrid.fusion, hybrid.parts.size()),
                                 rrf ? "query.hybrid.rrf" : "query.hybrid.weighted"));
  }
  if (hybrid.candidates == 0) return absl::OkStatus();
  const int64_t least = request.diversify ? request.diversify->pool
                        : request.rerank  ? request.rerank->depth
                                          : request.limit + request.offset;
  if (hybrid.candidates < least) {
    return OutOfRange("query.hybrid.candidates", hybrid.candidates,
                      "at least what is asked of them,", least);
  }
  if (hybrid.candidates > kHybridCandidatesMax) {
    return OutOfRange("query.hybrid.candidates", hybrid.candidates, "at most",
                      kHybridCandidatesMax);
  }
  return absl::OkStatus();
}

absl::Status ValidateRerank(const SearchRequest& request, const Limits& limits) {
  if (!request.rerank) return absl::OkStatus();
  const Rerank& rerank = *request.rerank;
  if (request.diversify) {
    return InvalidArgument(reason::kInvalidRequest,
                           "rerank and diversify exclude each other: both say what the order is")
        .Field("rerank");
  }
  if (rerank.depth < request.offset + request.limit) {
    return OutOfRange("rerank.depth", rerank.depth, "at least limit and offset together,",
                      request.offset + request.limit);
  }
  const bool grouped = request.group_by.kind != GroupBy::Kind::kPassage;
  const auto most = static_cast<int64_t>(limits.rerank_texts);
  const int64_t deepest = grouped ? most / request.passages_per_group : most;
  if (rerank.depth > deepest) {
    return OutOfRange("rerank.depth", rerank.depth,
                      grouped ? "with so many passages a group at most" : "at most", deepest);
  }
  if (RerankQuestion(request).empty()) {
    return InvalidArgument(reason::kEmptyText,
                           "rerank.query: the query has no text that a cross-encoder could read: "
                           "give one here")
        .Field("rerank.query");
  }
  if (rerank.query.empty())
    return absl::OkStatus();  // the query's own text, which is looked at there
  return InField(ValidateText(rerank.query, limits, "query"), "rerank");
}

absl::Status ValidateQuery(const SearchRequest& request) {
  const Query& query = request.query;
  if (const auto* hybrid = std::get_if<HybridQuery>(&query)) {
    return ValidateHybrid(*hybrid, request);
  }
  const auto* recommend = std::get_if<RecommendQuery>(&query);
  if (recommend == nullptr) return absl::OkStatus();
  if (recommend->positive.empty()) {
    return InvalidArgument(reason::kInvalidRequest, "query.recommend.positive: at least 1 example")
        .Field("query.recommend.positive");
  }
  const size_t examples = recommend->positive.size() + recommend->negative.size();
  if (examples > kExamplesMax) {
    return OutOfRange("query.recommend", static_cast<int64_t>(examples), "examples, at most",
                      kExamplesMax);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateSearch(const SearchRequest& request, const Limits& limits) {
  KITH_RETURN_IF_ERROR(ValidatePage(request, limits));
  KITH_RETURN_IF_ERROR(ValidateSelector(request.select, limits));
  KITH_RETURN_IF_ERROR(ValidateGrouping(request.group_by, limits));
  KITH_RETURN_IF_ERROR(ValidateShape(request));
  KITH_RETURN_IF_ERROR(ValidateRerank(request, limits));
  if (request.filter) {
    KITH_RETURN_IF_ERROR(InField(index::CheckFilterShape(*request.filter), "filter"));
  }
  KITH_RETURN_IF_ERROR(ValidateQuery(request));
  const int tunings = request.exact + request.target_recall.has_value() + request.ef.has_value();
  if (tunings > 1) {
    return InvalidArgument(reason::kInvalidRequest,
                           "tuning: exact, target_recall and ef exclude each "
                           "other, {} are given",
                           tunings)
        .Field("tuning");
  }
  return ValidateTuning(request.target_recall, request.ef);
}

}  // namespace kith::engine
