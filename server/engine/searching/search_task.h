// SearchTask: one call of Collection::Search on its way through the engine's threads:
//
//   validate --> encode the texts --> wait for the View that is asked for -->
//   search and fetch --> (have the hits judged again -->) done
//
// Each step begins where the one before ended. Searches that are cheaper than a hand-off, and whose
// texts lie in the cache, run where they arrive; the rest runs on the executor `reads`.

#ifndef KITH_SERVER_ENGINE_SEARCHING_SEARCH_TASK_H_
#define KITH_SERVER_ENGINE_SEARCHING_SEARCH_TASK_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/engine/in_flight.h"
#include "server/engine/judging.h"
#include "server/engine/preparer.h"
#include "server/engine/search.h"
#include "server/engine/searching/leaves.h"
#include "server/engine/searching/search_run.h"
#include "server/engine/searching/stage_clock.h"
#include "server/engine/shard.h"

namespace kith::engine {

class SearchTask : public std::enable_shared_from_this<SearchTask> {
 public:
  SearchTask(const Services* services, std::shared_ptr<Shard> shard, PrepareContext context,
             std::vector<SearchRequest> requests, std::optional<CommitToken> at_least,
             std::shared_ptr<const Call> call, SearchDone done);

  void Start();

 private:
  // What the task knows of one request beside the request.
  struct State {
    std::vector<Leaf> leaves;
    uint64_t encoded_tokens = 0;
    uint64_t dropped_tokens = 0;
    uint32_t cached_texts = 0;
    std::optional<SearchRequest> before_rerank;  // what is searched for, if it is not the request
    StageClock clock;                            // of this request, once it is searched for
  };
  // A text that is being encoded.
  struct Encoding {
    size_t request, leaf;
    std::string cache_key;
    uint32_t tokens, dropped;
  };
  using Answers = absl::StatusOr<std::vector<SearchAnswer>>;

  absl::Status Validate();
  void Encode();
  // Takes the leaf's embedding from the cache; false if it is not there.
  absl::StatusOr<bool> FindEmbedding(size_t request, size_t leaf, const std::string& cache_key);
  absl::Status CountTokens(size_t request, const Leaf& leaf, uint32_t tokens, uint32_t dropped);
  absl::Status PlaceEmbedding(size_t request, size_t leaf, std::span<const float> row);
  absl::Status PlaceEmbeddings(std::span<const float> rows);
  void AwaitView();
  void Search();
  // Has the search checked against an exact one, now and then.
  void Sample(const SearchRequest& request, const SearchAnswer& answer,
              std::span<const Leaf> leaves) const;
  bool IsQuick(const View& view) const;
  // One after the other, in this thread.
  Answers Run(const View& view, const storage::Reader& reader);
  // With what threads of the executor `reads` have nothing else to do: the requests of a batch side
  // by side, or the parts of one that is long.
  Answers RunWide(const View& view, const storage::Reader& reader);
  absl::StatusOr<SearchAnswer> RunOne(const SearchContext& context, size_t i);
  // What is searched for: the request, or what comes before its reranking.
  const SearchRequest& SearchOf(size_t i) const {
    return states_[i].before_rerank ? *states_[i].before_rerank : requests_[i];
  }

  // With answers: has those judged that are to be, then done.
  void Finish(Answers answers);
  void Rerank();
  void TakeJudgements(size_t i, absl::StatusOr<std::vector<Judgement>> judgements)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a stage of all requests, if anybody wants to know.
  void EndStage(std::string name, StageClock::Counts counts = {});
  // `status` as an error of request `i`.
  absl::Status At(size_t i, absl::Status status) const;

  const Services* const services_;
  const std::shared_ptr<Shard> shard_;
  const PrepareContext context_;
  const std::vector<SearchRequest> requests_;
  const std::optional<CommitToken> at_least_;
  const std::shared_ptr<const Call> call_;
  const SearchDone done_;
  const InFlight::Ticket ticket_;
  const bool explain_;  // any of the requests
  // Handed from step to step.
  std::vector<State> states_;  // one a request
  std::vector<Encoding> encodings_;
  StageClock clock_;                   // of what the batch does together
  std::vector<SearchAnswer> answers_;  // while they are judged

  absl::Mutex mu_;
  size_t judging_ ABSL_GUARDED_BY(mu_) = 0;  // requests whose judgements have not come
  absl::Status judging_error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_SEARCH_TASK_H_
