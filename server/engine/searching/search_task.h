// SearchTask: one call of Collection::Search on its way through the engine's threads:
//
//   validate --> encode the texts --> wait for the View that is asked for -->
//   search and fetch --> done
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

#include "kith/base/call.h"
#include "server/engine/in_flight.h"
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
    bool truncated = false;
  };

  absl::Status Validate();
  void Encode();
  absl::Status PlaceEmbeddings(std::span<const float> rows);
  void AwaitView();
  void Search();
  // Has the search checked against an exact one, now and then.
  void Sample(const SearchRequest& request, const SearchAnswer& answer,
              std::span<const Leaf> leaves) const;
  bool IsQuick(const View& view) const;
  // One after the other, in this thread.
  absl::StatusOr<std::vector<SearchAnswer>> Run(const View& view,
                                                const storage::Reader& reader) const;
  // With what threads of the executor `reads` have nothing else to do: the requests of a batch side
  // by side, or the parts of one that is long.
  absl::StatusOr<std::vector<SearchAnswer>> RunWide(const View& view,
                                                    const storage::Reader& reader) const;
  absl::StatusOr<SearchAnswer> RunOne(const SearchContext& context, size_t i) const;
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
  StageClock clock_;           // of what the batch does together
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_SEARCH_TASK_H_
