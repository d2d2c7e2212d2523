#include "server/engine/searching/search_run.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "index/rank_share.h"
#include "index/row_vectors.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/dense_ranker.h"
#include "server/engine/searching/diversify.h"
#include "server/engine/searching/fetch.h"
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
  bool by_document() const { return request_.group_by.kind == GroupBy::Kind::kDocument; }

  absl::StatusOr<std::unique_ptr<Ranker>> Prepare(std::span<const Leaf> leaves);
  absl::StatusOr<std::vector<Candidate>> Rank(Ranker* ranker);
  absl::Status Diversify(std::vector<Candidate>* candidates);
  absl::Status Fetch(Ranker* ranker, std::span<const Candidate> hits);
  void End(std::string name, std::string detail, StageClock::Counts counts) {
    if (clock_ != nullptr) clock_->End(std::move(name), std::move(detail), std::move(counts));
  }

  const SearchContext& context_;
  const SearchRequest& request_;
  StageClock* const clock_;
  SearchAnswer answer_;
  const RankContext rank_context_;
  Scope scope_;
};

absl::StatusOr<SearchAnswer> SearchRun::Run(std::span<const Leaf> leaves) {
  answer_.metric = context_.view.index.options().metric;
  KITH_ASSIGN_OR_RETURN(const std::unique_ptr<Ranker> ranker, Prepare(leaves));
  KITH_ASSIGN_OR_RETURN(std::vector<Candidate> hits, Rank(ranker.get()));
  answer_.exhausted = hits.size() < wanted();
  const size_t skipped = std::min<size_t>(request_.offset, hits.size());
  const size_t end = std::min(wanted(), hits.size());
  KITH_RETURN_IF_ERROR(
      Fetch(ranker.get(), std::span<const Candidate>(hits).subspan(skipped, end - skipped)));
  if (clock_ != nullptr) answer_.explanation = clock_->explanation();
  return std::move(answer_);
}

absl::StatusOr<std::unique_ptr<Ranker>> SearchRun::Prepare(std::span<const Leaf> leaves) {
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
  return MakeRanker(rank_context_, request_.query, vectors, TuningOf(request_, context_.boost));
}

absl::StatusOr<std::vector<Candidate>> SearchRun::Rank(Ranker* ranker) {
  const size_t count =
      request_.diversify ? static_cast<size_t>(request_.diversify->pool) : wanted();
  KITH_ASSIGN_OR_RETURN(std::vector<Candidate> hits,
                        ranker->Best(scope_, static_cast<uint32_t>(count), by_document()));
  if (request_.score_min) {
    std::erase_if(hits, [&](const Candidate& candidate) {
      return candidate.hit.score < *request_.score_min;
    });
  }
  if (request_.diversify) KITH_RETURN_IF_ERROR(Diversify(&hits));
  return hits;
}

absl::Status SearchRun::Diversify(std::vector<Candidate>* candidates) {
  std::vector<float> scores;
  std::vector<uint64_t> ordinals;
  for (const Candidate& candidate : *candidates) {
    scores.push_back(candidate.hit.score);
    ordinals.push_back(candidate.hit.ordinal);
  }
  KITH_ASSIGN_OR_RETURN(const std::vector<float> vectors,
                        index::RowVectors(context_.view.index, ordinals, context_.call));
  const double lambda = request_.diversify->lambda;
  KITH_ASSIGN_OR_RETURN(const std::vector<size_t> order,
                        PickDiverse(scores, vectors, context_.view.index.options().dimension,
                                    lambda, wanted(), context_.call));
  std::vector<Candidate> taken;
  for (const size_t place : order) taken.push_back(std::move((*candidates)[place]));
  End("diversify", fmt::format("maximal marginal relevance, lambda {}", lambda),
      {{"pool", candidates->size()}, {"taken", taken.size()}});
  *candidates = std::move(taken);
  return absl::OkStatus();
}

absl::Status SearchRun::Fetch(Ranker* ranker, std::span<const Candidate> hits) {
  const Fetcher fetcher(context_.view, context_.reader, context_.cache, context_.shard);
  KITH_ASSIGN_OR_RETURN(std::vector<Found> found, fetcher.FindDocuments(hits));
  uint64_t passages = 0;
  for (Found& one : found) {
    KITH_RETURN_IF_ERROR(context_.call.Check());
    if (by_document()) {
      KITH_RETURN_IF_ERROR(
          fetcher.AddPassages(ranker, static_cast<size_t>(request_.passages_per_group), &one));
    }
    KITH_ASSIGN_OR_RETURN(SearchHit hit, fetcher.Fetch(request_.select, one));
    passages += hit.passages.size();
    answer_.hits.push_back(std::move(hit));
  }
  End("fetch", "documents and passages of the hits",
      {{"hits", answer_.hits.size()}, {"passages", passages}});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchAnswer> RunSearch(const SearchContext& context, const SearchRequest& request,
                                       std::span<const Leaf> leaves, StageClock* clock) {
  return SearchRun(context, request, clock).Run(leaves);
}

double EstimateNanoseconds(const View& view, const SearchRequest& request,
                           std::span<const Leaf> leaves) {
  const double dimension = view.index.options().dimension;
  const double queries = static_cast<double>(leaves.size());
  if (request.exact) {
    return queries * static_cast<double>(view.index.live_rows()) * dimension / kFloatsPerNanosecond;
  }
  const int64_t candidates =
      request.diversify ? request.diversify->pool : request.limit + request.offset;
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
  return queries * nanoseconds + compared;
}

}  // namespace kith::engine
