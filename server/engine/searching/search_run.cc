#include "server/engine/searching/search_run.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "index/rank_share.h"
#include "index/row_vectors.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/dense_ranker.h"
#include "server/engine/searching/diversify.h"
#include "server/engine/searching/fetch.h"
#include "server/engine/searching/field_groups.h"
#include "server/engine/searching/make_ranker.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {
namespace {

// Bytes of codes and of float32 values that one core scans in a nanosecond, on the slow side.
constexpr double kCodesPerNanosecond = 5;
constexpr double kFloatsPerNanosecond = 2;
// A walk through a graph: candidates, if the request does not say, codes met for each of them, and
// what each of these costs beside its bytes.
constexpr int64_t kUsualEf = 64;
constexpr double kLeastEf = 16;  // the way down to the candidates costs as much
constexpr double kDistancesPerCandidate = 16;
constexpr double kNanosecondsPerDistance = 15;
// What looking for a word costs a row of the collection: most words are in few of them, and most
// postings of the others are left out. What a filter costs.
constexpr double kNanosecondsPerPosting = 0.1;
constexpr double kNanosecondsPerFilter = 10e3;
constexpr double kFilteredNanosecondsPerRow = 0.5;

// What becomes a hit: its best passage, or all of a field's group.
using Ranked = FieldGroup;

bool IsHybrid(const Query& query) { return std::holds_alternative<HybridQuery>(query); }
bool IsByVectors(const Query& query) {
  return !IsHybrid(query) && !std::holds_alternative<LexicalQuery>(query);
}

// One run, step by step.
class SearchRun {
 public:
  SearchRun(const SearchContext& context, const SearchRequest& request, StageClock* clock)
      : context_(context),
        request_(request),
        clock_(clock),
        rank_context_{context.view.index, context.call, clock, &answer_, context.spread} {}

  absl::StatusOr<SearchAnswer> Run(std::span<const Leaf> leaves);

 private:
  size_t wanted() const { return static_cast<size_t>(request_.offset + request_.limit); }
  bool by(GroupBy::Kind kind) const { return request_.group_by.kind == kind; }

  absl::Status Filter();
  absl::Status MakeRanker(std::span<const Leaf> leaves);
  absl::StatusOr<std::vector<Ranked>> Rank();
  absl::StatusOr<std::vector<Ranked>> RankGroups(size_t count);
  absl::Status Diversify(std::vector<Ranked>* hits);
  absl::Status Fetch(std::span<const Ranked> hits);
  absl::StatusOr<SearchHit> HitOf(const Fetcher& fetcher, const std::string& group,
                                  std::span<Found> found);
  void End(std::string name, std::string detail, StageClock::Counts counts) {
    if (clock_ != nullptr) clock_->End(std::move(name), std::move(detail), std::move(counts));
  }

  const SearchContext& context_;
  const SearchRequest& request_;
  StageClock* const clock_;
  SearchAnswer answer_;
  const RankContext rank_context_;
  const ViewMatches* filtered_ = nullptr;  // null: no filter
  Scope scope_;
  std::unique_ptr<Ranker> ranker_;
  RowRanker* row_ranker_ = nullptr;  // the same one, unless it is hybrid
};

absl::StatusOr<SearchAnswer> SearchRun::Run(std::span<const Leaf> leaves) {
  answer_.metric = context_.view.index.options().metric;
  answer_.strategy = Strategy::kPostings;  // unless vectors are compared
  KITH_RETURN_IF_ERROR(Filter());
  KITH_RETURN_IF_ERROR(MakeRanker(leaves));
  KITH_ASSIGN_OR_RETURN(std::vector<Ranked> hits, Rank());
  answer_.exhausted = hits.size() < wanted();
  const size_t skipped = std::min<size_t>(request_.offset, hits.size());
  const size_t end = std::min(wanted(), hits.size());
  KITH_RETURN_IF_ERROR(Fetch(std::span<const Ranked>(hits).subspan(skipped, end - skipped)));
  if (clock_ != nullptr) answer_.explanation = clock_->explanation();
  return std::move(answer_);
}

absl::Status SearchRun::Filter() {
  if (!request_.filter) return absl::OkStatus();
  KITH_ASSIGN_OR_RETURN(filtered_, context_.filters->MatchesOf(*request_.filter));
  scope_.allow = filtered_->allow();
  End("filter", {}, {{"rows", filtered_->rows()}});
  return absl::OkStatus();
}

absl::Status SearchRun::MakeRanker(std::span<const Leaf> leaves) {
  std::vector<QueryVectors> of_documents(leaves.size());
  std::vector<const QueryVectors*> vectors;
  uint64_t read = 0;
  for (size_t i = 0; i < leaves.size(); ++i) {
    vectors.push_back(&leaves[i].vectors);
    const DocumentQuery* document = leaves[i].document();
    if (document == nullptr) continue;
    KITH_ASSIGN_OR_RETURN(of_documents[i], VectorsOfDocument(context_.reader, context_.shard,
                                                             document->id, leaves[i].field));
    vectors[i] = &of_documents[i];
    scope_.exclude.push_back(of_documents[i].exclude.front());
    ++read;
  }
  if (read > 0) End("read_examples", "vectors of documents that ask", {{"documents", read}});
  const DenseTuning tuning = TuningOf(request_, context_.boost);
  if (const auto* hybrid = std::get_if<HybridQuery>(&request_.query)) {
    KITH_ASSIGN_OR_RETURN(ranker_,
                          MakeHybridRanker(rank_context_, *hybrid, leaves, vectors, tuning));
    return absl::OkStatus();
  }
  KITH_ASSIGN_OR_RETURN(auto ranker,
                        MakeRowRanker(rank_context_, request_.query, leaves, vectors, tuning));
  row_ranker_ = ranker.get();
  ranker_ = std::move(ranker);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Ranked>> SearchRun::Rank() {
  const size_t count =
      request_.diversify ? static_cast<size_t>(request_.diversify->pool) : wanted();
  std::vector<Ranked> hits;
  if (by(GroupBy::Kind::kField)) {
    KITH_ASSIGN_OR_RETURN(hits, RankGroups(count));
  } else {
    KITH_ASSIGN_OR_RETURN(
        std::vector<Candidate> best,
        ranker_->Best(scope_, static_cast<uint32_t>(count), by(GroupBy::Kind::kDocument)));
    hits.reserve(best.size());
    for (Candidate& candidate : best) {
      hits.emplace_back().passages.push_back(std::move(candidate));
    }
  }
  if (request_.score_min) {
    std::erase_if(hits, [&](const Ranked& hit) {
      return hit.passages.front().hit.score < *request_.score_min;
    });
  }
  if (request_.diversify) KITH_RETURN_IF_ERROR(Diversify(&hits));
  return hits;
}

absl::StatusOr<std::vector<Ranked>> SearchRun::RankGroups(size_t count) {
  const std::string& field = request_.group_by.field;
  KITH_RETURN_IF_ERROR(CheckGroupField(field, context_.filters->FieldOf(field)));
  FieldGrouper grouper(rank_context_, *context_.filters, filtered_, field, scope_.exclude);
  const auto passages = static_cast<size_t>(request_.passages_per_group);
  auto groups = row_ranker_ != nullptr ? grouper.Best(row_ranker_, count, passages)
                                       : grouper.BestOfOneRanking(ranker_.get(), count, passages);
  if (groups.ok()) End("group", "by field " + field, {{"groups", groups->size()}});
  return groups;
}

absl::Status SearchRun::Diversify(std::vector<Ranked>* hits) {
  std::vector<float> scores;
  std::vector<uint64_t> ordinals;
  for (const Ranked& hit : *hits) {
    scores.push_back(hit.passages.front().hit.score);
    ordinals.push_back(hit.passages.front().hit.ordinal);
  }
  KITH_ASSIGN_OR_RETURN(const std::vector<float> vectors,
                        index::RowVectors(context_.view.index, ordinals, context_.call));
  const double lambda = request_.diversify->lambda;
  KITH_ASSIGN_OR_RETURN(const std::vector<size_t> order,
                        PickDiverse(scores, vectors, context_.view.index.options().dimension,
                                    lambda, wanted(), context_.call));
  std::vector<Ranked> taken;
  for (const size_t place : order) taken.push_back(std::move((*hits)[place]));
  End("diversify", fmt::format("maximal marginal relevance, lambda {}", lambda),
      {{"pool", hits->size()}, {"taken", taken.size()}});
  *hits = std::move(taken);
  return absl::OkStatus();
}

absl::Status SearchRun::Fetch(std::span<const Ranked> hits) {
  const Fetcher fetcher(context_.view, context_.reader, context_.cache, context_.shard,
                        IsByVectors(request_.query));
  std::vector<Candidate> passages;
  for (const Ranked& hit : hits) {
    passages.insert(passages.end(), hit.passages.begin(), hit.passages.end());
  }
  KITH_ASSIGN_OR_RETURN(std::vector<Found> found, fetcher.FindDocuments(passages));
  std::span<Found> left(found);
  uint64_t fetched = 0;
  for (const Ranked& hit : hits) {
    KITH_RETURN_IF_ERROR(context_.call.Check());
    KITH_ASSIGN_OR_RETURN(SearchHit one,
                          HitOf(fetcher, hit.value, left.first(hit.passages.size())));
    left = left.subspan(hit.passages.size());
    fetched += one.passages.size();
    answer_.hits.push_back(std::move(one));
  }
  End("fetch", "documents and passages of the hits",
      {{"hits", answer_.hits.size()}, {"passages", fetched}});
  return absl::OkStatus();
}

absl::StatusOr<SearchHit> SearchRun::HitOf(const Fetcher& fetcher, const std::string& group,
                                           std::span<Found> found) {
  if (by(GroupBy::Kind::kDocument)) {
    KITH_RETURN_IF_ERROR(fetcher.AddPassages(
        ranker_.get(), static_cast<size_t>(request_.passages_per_group), &found.front()));
  }
  KITH_ASSIGN_OR_RETURN(SearchHit hit, fetcher.Fetch(request_.select, found.front()));
  hit.group = group;
  SearchSelector passage_alone = request_.select;
  passage_alone.metadata = passage_alone.metadata && request_.rerank;
  for (const Found& other : found.subspan(1)) {
    KITH_ASSIGN_OR_RETURN(SearchHit more, fetcher.Fetch(passage_alone, other));
    hit.passages.push_back(std::move(more.passages.front()));
    if (!request_.rerank) continue;
    // Each of them may be the best when they have been judged.
    hit.passages.back().etag = std::move(more.etag);
    hit.passages.back().metadata = std::move(more.metadata);
  }
  return hit;
}

}  // namespace

absl::StatusOr<SearchAnswer> RunSearch(const SearchContext& context, const SearchRequest& request,
                                       std::span<const Leaf> leaves, StageClock* clock) {
  return SearchRun(context, request, clock).Run(leaves);
}

double EstimateNanoseconds(const View& view, const SearchRequest& request,
                           std::span<const Leaf> leaves) {
  const double dimension = view.index.options().dimension;
  const auto rows = static_cast<double>(view.index.live_rows());
  double queries = 0, besides = 0;
  for (const Leaf& leaf : leaves) {
    if (leaf.lexical() == nullptr) {
      ++queries;
    } else {
      besides += kNanosecondsPerPosting * rows * static_cast<double>(leaf.words.size());
    }
  }
  if (request.filter) besides += kNanosecondsPerFilter + kFilteredNanosecondsPerRow * rows;
  // Many rankings, one after the other.
  if (request.group_by.kind == GroupBy::Kind::kField) {
    return std::numeric_limits<double>::infinity();
  }
  if (request.exact) {
    return besides +
           queries * static_cast<double>(view.index.live_rows()) * dimension / kFloatsPerNanosecond;
  }
  int64_t candidates = request.diversify ? request.diversify->pool : request.limit + request.offset;
  if (const auto* hybrid = std::get_if<HybridQuery>(&request.query)) {
    candidates = std::max({candidates, hybrid->candidates, kHybridCandidates});
  }
  const double per_candidate =
      kDistancesPerCandidate * (kNanosecondsPerDistance + dimension / kCodesPerNanosecond);
  double nanoseconds = 0;
  for (const index::SegmentView& segment : view.index.segments()) {
    const double scan = segment.visible * dimension / kCodesPerNanosecond;
    if (segment.sealed == nullptr) {
      nanoseconds += scan;
      continue;
    }
    double ef = static_cast<double>(std::max<int64_t>(request.ef.value_or(kUsualEf), candidates));
    if (!request.ef) {
      const index::RankShare asked = index::RankShareOf(
          static_cast<uint32_t>(candidates), segment.live_rows(), view.index.live_rows());
      ef = std::max(kLeastEf, ef * asked.expected / static_cast<double>(candidates));
    }
    nanoseconds += std::min(scan, ef * per_candidate);
  }
  // What is compared with one another is at most so much work again.
  const double compared = request.diversify ? static_cast<double>(request.limit + request.offset) *
                                                  static_cast<double>(request.diversify->pool) *
                                                  dimension / kFloatsPerNanosecond
                                            : 0;
  return besides + queries * nanoseconds + compared;
}

}  // namespace kith::engine
