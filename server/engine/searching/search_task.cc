#include "server/engine/searching/search_task.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/validate_search.h"
#include "server/engine/side_by_side.h"
#include "server/engine/splitting.h"
#include "server/engine/validate.h"
#include "storage/reader.h"

namespace kith::engine {
namespace {

// Longer texts are tokenised on an executor's thread, not where they arrive.
constexpr size_t kInlineTextBytes = 8 << 10;
// Searches that are estimated under this run where they arrive. The estimate is on the slow side by
// about two; a hand-off costs a third of this, and twice that where cores are shared.
constexpr double kInlineNanoseconds = 300e3;
// One that is estimated above this asks other threads to help: waking one costs a tenth of it.
constexpr double kLong = 500e3;
// More hits than this are fetched on an executor's thread.
constexpr int64_t kInlineHits = 100;

}  // namespace

SearchTask::SearchTask(const Services* services, std::shared_ptr<Shard> shard,
                       PrepareContext context, std::vector<SearchRequest> requests,
                       std::optional<CommitToken> at_least, std::shared_ptr<const Call> call,
                       SearchDone done)
    : services_(services),
      shard_(std::move(shard)),
      context_(std::move(context)),
      requests_(std::move(requests)),
      at_least_(std::move(at_least)),
      call_(std::move(call)),
      done_(std::move(done)),
      ticket_(services->in_flight.Enter()),
      explain_(std::any_of(requests_.begin(), requests_.end(),
                           [](const SearchRequest& request) { return request.explain; })),
      states_(requests_.size()) {}

absl::Status SearchTask::At(size_t i, absl::Status status) const {
  return requests_.size() == 1 ? std::move(status)
                               : InField(std::move(status), fmt::format("searches[{}]", i));
}

void SearchTask::Start() {
  if (absl::Status status = Validate(); !status.ok()) return done_(std::move(status));
  size_t text_bytes = 0;
  for (const State& state : states_) {
    for (const Leaf& leaf : state.leaves) {
      text_bytes += leaf.given_text().size();
    }
  }
  if (text_bytes <= kInlineTextBytes) return Encode();
  absl::Status queued =
      services_->prepares.Submit(call_, [self = shared_from_this()](absl::Status status) {
        if (!status.ok()) return self->done_(std::move(status));
        self->Encode();
      });
  if (!queued.ok()) done_(std::move(queued));
}

absl::Status SearchTask::Validate() {
  const size_t most = services_->limits.batch_searches;
  if (requests_.empty() || requests_.size() > most) {
    return InvalidArgument(requests_.empty() ? reason::kEmptyBatch : reason::kBatchTooLarge,
                           "searches: {} given, must be 1 to {}", requests_.size(), most)
        .Field("searches")
        .With("limit", most);
  }
  for (size_t i = 0; i < requests_.size(); ++i) {
    KITH_RETURN_IF_ERROR(At(i, ValidateSearch(requests_[i], services_->limits)));
    states_[i].leaves = LeavesOf(requests_[i].query);
    for (const Leaf& leaf : states_[i].leaves) {
      KITH_RETURN_IF_ERROR(At(i, ValidateLeaf(leaf, context_.space, services_->limits)));
      if (leaf.text() != nullptr) {
        KITH_RETURN_IF_ERROR(At(i, InField(RequireEncoder(context_).status(), leaf.field)));
      }
      if (leaf.lexical() != nullptr && context_.rows->analyser() == nullptr) {
        return At(i,
                  InvalidArgument(reason::kFieldNotIndexed,
                                  "{}: the words of this collection's texts are not indexed: its "
                                  "schema has text_index off",
                                  leaf.field)
                      .Field(leaf.field));
      }
    }
  }
  return absl::OkStatus();
}

void SearchTask::Encode() {
  std::vector<EncodeQueue::Sequence> sequences;
  uint64_t tokens = 0;
  for (size_t i = 0; i < requests_.size(); ++i) {
    for (Leaf& leaf : states_[i].leaves) {
      if (leaf.lexical() != nullptr) {
        leaf.words = context_.rows->analyser()->Analyse(leaf.lexical()->text);
      }
      if (leaf.text() == nullptr) continue;
      const encoder::Encoder& encoder = **context_.encoder;
      encoder::EncodedInput input = encoder.Prepare(leaf.text()->text, encoder::Role::kQuery);
      if (input.truncated() && requests_[i].truncation == Truncation::kNever) {
        return done_(
            At(i, InField(TooManyTokens(input.tokens_before_truncation, encoder.info().max_tokens),
                          leaf.field)));
      }
      states_[i].truncated = states_[i].truncated || input.truncated();
      states_[i].encoded_tokens += input.token_ids.size();
      tokens += input.token_ids.size();
      sequences.push_back(std::move(input.token_ids));
    }
  }
  EndStage("prepare", {{"searches", requests_.size()}});
  if (sequences.empty()) return AwaitView();
  const uint64_t texts = sequences.size();
  absl::Status queued = services_->encodes.Submit(
      *context_.encoder, std::move(sequences), encoder::Role::kQuery, call_,
      [self = shared_from_this(), texts, tokens](absl::StatusOr<std::vector<float>> rows) {
        if (!rows.ok()) return self->done_(rows.status());
        absl::Status placed = self->PlaceEmbeddings(*rows);
        if (!placed.ok()) return self->done_(std::move(placed));
        self->EndStage("encode", {{"texts", texts}, {"tokens", tokens}});
        self->AwaitView();
      });
  if (!queued.ok()) done_(std::move(queued));
}

absl::Status SearchTask::PlaceEmbeddings(std::span<const float> rows) {
  const size_t dimension = context_.space.dimension;
  for (size_t i = 0; i < states_.size(); ++i) {
    for (Leaf& leaf : states_[i].leaves) {
      if (leaf.text() == nullptr) continue;
      const std::span<const float> row = rows.first(dimension);
      KITH_RETURN_IF_ERROR(At(i, InField(CheckEmbeddings(row, context_.space), leaf.field)));
      leaf.vectors.values.assign(row.begin(), row.end());
      rows = rows.subspan(dimension);
    }
  }
  return absl::OkStatus();
}

void SearchTask::EndStage(std::string name, StageClock::Counts counts) {
  if (explain_) clock_.End(std::move(name), {}, std::move(counts));
}

void SearchTask::AwaitView() {
  if (!at_least_) return Search();
  shard_->AwaitVisible(*at_least_, call_, [self = shared_from_this()](absl::Status status) {
    if (!status.ok()) return self->done_(std::move(status));
    self->Search();
  });
}

bool SearchTask::IsQuick(const View& view) const {
  double nanoseconds = 0;
  for (size_t i = 0; i < requests_.size(); ++i) {
    const SearchRequest& request = requests_[i];
    const std::vector<Leaf>& leaves = states_[i].leaves;
    const auto reads = [](const Leaf& leaf) { return leaf.document() != nullptr; };
    if (std::any_of(leaves.begin(), leaves.end(), reads)) return false;
    if (request.limit + request.offset > kInlineHits) return false;
    nanoseconds += EstimateNanoseconds(view, request, leaves);
  }
  return nanoseconds < kInlineNanoseconds;
}

void SearchTask::Search() {
  if (at_least_) EndStage("await_commit");
  std::shared_ptr<const View> view = shard_->view();
  const storage::Reader reader(view->snapshot);
  if (IsQuick(*view)) {
    auto answers = Run(*view, reader.CacheOnly());
    if (!storage::Reader::IsNotCached(answers.status())) return done_(std::move(answers));
  }
  absl::Status queued = services_->reads.Submit(
      call_, [self = shared_from_this(), view, reader](absl::Status status) {
        if (!status.ok()) return self->done_(std::move(status));
        self->EndStage("queue");
        self->done_(self->RunWide(*view, reader));
      });
  if (!queued.ok()) done_(std::move(queued));
}

void SearchTask::Sample(const SearchRequest& request, const SearchAnswer& answer,
                        std::span<const Leaf> leaves) const {
  // Only what a target decided, for one vector, and nothing that leaves rows out.
  const bool plain = std::holds_alternative<TextQuery>(request.query) ||
                     std::holds_alternative<VectorQuery>(request.query);
  if (!plain || answer.strategy != Strategy::kGraph || request.ef || request.diversify ||
      request.group_by.kind != GroupBy::Kind::kPassage || request.filter ||
      !shard_->sampler().Wants()) {
    return;
  }
  shard_->sampler().Take({leaves.front().vectors.values,
                          static_cast<uint32_t>(request.limit + request.offset),
                          request.target_recall.value_or(kDefaultTargetRecall)});
}

absl::StatusOr<std::vector<SearchAnswer>> SearchTask::Run(const View& view,
                                                          const storage::Reader& reader) const {
  FilterEvaluator filters(view, context_.options.unindexed_fields, *call_);
  const SearchContext context = {
      view,    reader, &services_->hits, shard_->identity(), &filters, shard_->sampler().boost(),
      nullptr, *call_};
  std::vector<SearchAnswer> answers;
  for (size_t i = 0; i < requests_.size(); ++i) {
    KITH_ASSIGN_OR_RETURN(SearchAnswer answer, RunOne(context, i));
    answers.push_back(std::move(answer));
  }
  return answers;
}

absl::StatusOr<std::vector<SearchAnswer>> SearchTask::RunWide(const View& view,
                                                              const storage::Reader& reader) const {
  ExecutorSpread spread(&services_->reads);
  const bool is_long =
      requests_.size() == 1 && EstimateNanoseconds(view, requests_[0], states_[0].leaves) >= kLong;
  FilterEvaluator filters(view, context_.options.unindexed_fields, *call_);
  const SearchContext context = {view,
                                 reader,
                                 &services_->hits,
                                 shard_->identity(),
                                 &filters,
                                 shard_->sampler().boost(),
                                 is_long ? &spread : nullptr,
                                 *call_};
  std::vector<absl::StatusOr<SearchAnswer>> found(requests_.size());
  SideBySide(services_->reads, requests_.size(), [&](size_t i) { found[i] = RunOne(context, i); });
  std::vector<SearchAnswer> answers;
  for (absl::StatusOr<SearchAnswer>& answer : found) {
    KITH_RETURN_IF_ERROR(answer.status());
    answers.push_back(*std::move(answer));
  }
  return answers;
}

absl::StatusOr<SearchAnswer> SearchTask::RunOne(const SearchContext& context, size_t i) const {
  const std::vector<Leaf>& leaves = states_[i].leaves;
  // Of the searches before it in the batch a search knows how long it waited for them.
  StageClock own = clock_;
  if (i > 0) own.End("batch", "the searches before this one", {{"searches", i}});
  auto answer = RunSearch(context, requests_[i], leaves, requests_[i].explain ? &own : nullptr);
  if (!answer.ok()) {
    return At(i, shard_->indexer().AfterFailure(context.view, answer.status()));
  }
  answer->encoded_tokens = states_[i].encoded_tokens;
  answer->query_truncated = states_[i].truncated;
  answer->token = shard_->TokenOf(context.view);
  Sample(requests_[i], *answer, leaves);
  return answer;
}

}  // namespace kith::engine
