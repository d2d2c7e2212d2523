#include "server/engine/searching/search_task.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/searching/rerank_hits.h"
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
    if (requests_[i].rerank) states_[i].before_rerank = BeforeRerank(requests_[i]);
    for (const Leaf& leaf : states_[i].leaves) {
      KITH_RETURN_IF_ERROR(At(i, ValidateLeaf(leaf, context_.space(), services_->limits)));
      if (leaf.text() != nullptr) {
        KITH_RETURN_IF_ERROR(
            At(i, InField(RequireEncoder(context_.spaces->served).status(), leaf.field)));
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
  uint64_t tokens = 0, cached = 0;
  for (size_t i = 0; i < requests_.size(); ++i) {
    for (size_t j = 0; j < states_[i].leaves.size(); ++j) {
      Leaf& leaf = states_[i].leaves[j];
      if (leaf.lexical() != nullptr) {
        leaf.words = context_.rows->analyser()->Analyse(leaf.lexical()->text);
      }
      if (leaf.text() == nullptr) continue;
      const encoder::Encoder& encoder = **context_.encoder();
      std::string key = QueryCache::KeyOf(encoder.info(), leaf.text()->text);
      const absl::StatusOr<bool> found = FindEmbedding(i, j, key);
      if (!found.ok()) return done_(found.status());
      cached += *found;
      if (*found) continue;
      encoder::EncodedInput input = encoder.Prepare(leaf.text()->text, encoder::Role::kQuery);
      const auto used = static_cast<uint32_t>(input.token_ids.size());
      const auto dropped = static_cast<uint32_t>(input.tokens_before_truncation) - used;
      if (absl::Status status = CountTokens(i, leaf, used, dropped); !status.ok()) {
        return done_(std::move(status));
      }
      tokens += used;
      sequences.push_back(std::move(input.token_ids));
      encodings_.push_back({i, j, std::move(key), used, dropped});
    }
  }
  EndStage("prepare", {{"searches", requests_.size()}});
  if (sequences.empty()) {
    if (cached > 0) EndStage("encode", {{"texts", 0}, {"tokens", 0}, {"cached", cached}});
    return AwaitView();
  }
  const uint64_t texts = sequences.size();
  absl::Status queued = services_->encodes.Submit(
      *context_.encoder(), std::move(sequences), encoder::Role::kQuery, call_,
      [self = shared_from_this(), texts, tokens, cached](absl::StatusOr<std::vector<float>> rows) {
        if (!rows.ok()) return self->done_(rows.status());
        absl::Status placed = self->PlaceEmbeddings(*rows);
        if (!placed.ok()) return self->done_(std::move(placed));
        self->EndStage("encode", {{"texts", texts}, {"tokens", tokens}, {"cached", cached}});
        self->AwaitView();
      });
  if (!queued.ok()) done_(std::move(queued));
}

absl::StatusOr<bool> SearchTask::FindEmbedding(size_t request, size_t leaf,
                                               const std::string& cache_key) {
  const std::shared_ptr<const QueryCache::Embedded> found = services_->queries.Find(cache_key);
  if (found == nullptr) return false;
  KITH_RETURN_IF_ERROR(
      CountTokens(request, states_[request].leaves[leaf], found->tokens, found->dropped));
  ++states_[request].cached_texts;
  KITH_RETURN_IF_ERROR(PlaceEmbedding(request, leaf, found->values));
  return true;
}

absl::Status SearchTask::CountTokens(size_t request, const Leaf& leaf, uint32_t tokens,
                                     uint32_t dropped) {
  states_[request].encoded_tokens += tokens;
  states_[request].dropped_tokens += dropped;
  if (dropped == 0 || requests_[request].truncation != Truncation::kNever) return absl::OkStatus();
  return At(request, InField(TooManyTokens(static_cast<int>(tokens + dropped),
                                           (*context_.encoder())->info().max_tokens),
                             leaf.field));
}

absl::Status SearchTask::PlaceEmbedding(size_t request, size_t leaf, std::span<const float> row) {
  Leaf& placed = states_[request].leaves[leaf];
  KITH_RETURN_IF_ERROR(At(request, InField(CheckEmbeddings(row, context_.space()), placed.field)));
  placed.vectors.values.assign(row.begin(), row.end());
  return absl::OkStatus();
}

absl::Status SearchTask::PlaceEmbeddings(std::span<const float> rows) {
  const size_t dimension = context_.space().dimension;
  for (const Encoding& encoding : encodings_) {
    const std::span<const float> row = rows.first(dimension);
    KITH_RETURN_IF_ERROR(PlaceEmbedding(encoding.request, encoding.leaf, row));
    services_->queries.Insert(encoding.cache_key,
                              std::make_shared<const QueryCache::Embedded>(QueryCache::Embedded{
                                  {row.begin(), row.end()}, encoding.tokens, encoding.dropped}));
    rows = rows.subspan(dimension);
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
    const SearchRequest& request = SearchOf(i);
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
  std::shared_ptr<const View> view = context_.index()->view();
  if (at_least_ && view->sequence < at_least_->sequence) {
    // The space that the query was encoded for is no longer written to.
    return done_(Error(absl::StatusCode::kUnavailable, reason::kReembedding,
                       "the collection changed its encoder during the search: ask again")
                     .RetryAfter(absl::Milliseconds(1)));
  }
  const storage::Reader reader(view->snapshot);
  if (IsQuick(*view)) {
    auto answers = Run(*view, reader.CacheOnly());
    if (!storage::Reader::IsNotCached(answers.status())) return Finish(std::move(answers));
  }
  absl::Status queued = services_->reads.Submit(
      call_, [self = shared_from_this(), view, reader](absl::Status status) {
        if (!status.ok()) return self->done_(std::move(status));
        self->EndStage("queue");
        self->Finish(self->RunWide(*view, reader));
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
      !context_.index()->sampler().Wants()) {
    return;
  }
  context_.index()->sampler().Take({leaves.front().vectors.values,
                                    static_cast<uint32_t>(request.limit + request.offset),
                                    request.target_recall.value_or(kDefaultTargetRecall)});
}

SearchTask::Answers SearchTask::Run(const View& view, const storage::Reader& reader) {
  FilterEvaluator filters(view, context_.options.unindexed_fields, *call_);
  const SearchContext context = {view,
                                 reader,
                                 &services_->hits,
                                 context_.index()->identity(),
                                 &filters,
                                 context_.index()->sampler().boost(),
                                 nullptr,
                                 *call_};
  std::vector<SearchAnswer> answers;
  for (size_t i = 0; i < requests_.size(); ++i) {
    KITH_ASSIGN_OR_RETURN(SearchAnswer answer, RunOne(context, i));
    answers.push_back(std::move(answer));
  }
  return answers;
}

SearchTask::Answers SearchTask::RunWide(const View& view, const storage::Reader& reader) {
  ExecutorSpread spread(&services_->reads);
  const bool is_long =
      requests_.size() == 1 && EstimateNanoseconds(view, SearchOf(0), states_[0].leaves) >= kLong;
  FilterEvaluator filters(view, context_.options.unindexed_fields, *call_);
  const SearchContext context = {view,
                                 reader,
                                 &services_->hits,
                                 context_.index()->identity(),
                                 &filters,
                                 context_.index()->sampler().boost(),
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

absl::StatusOr<SearchAnswer> SearchTask::RunOne(const SearchContext& context, size_t i) {
  State& state = states_[i];
  const SearchRequest& request = SearchOf(i);
  // Of the searches before it in the batch a search knows how long it waited for them.
  state.clock = clock_;
  if (i > 0) state.clock.End("batch", "the searches before this one", {{"searches", i}});
  auto answer = RunSearch(context, request, state.leaves, request.explain ? &state.clock : nullptr);
  if (!answer.ok()) {
    return At(i, context_.index()->indexer().AfterFailure(context.view, answer.status()));
  }
  answer->encoded_tokens = state.encoded_tokens;
  answer->dropped_tokens = state.dropped_tokens;
  answer->query_truncated = state.dropped_tokens > 0;
  answer->cached_texts = state.cached_texts;
  answer->token = shard_->TokenOf(context.view);
  Sample(request, *answer, state.leaves);
  return answer;
}

void SearchTask::Finish(Answers answers) {
  const auto is_reranked = [](const SearchRequest& request) { return request.rerank.has_value(); };
  if (!answers.ok() || std::none_of(requests_.begin(), requests_.end(), is_reranked)) {
    return done_(std::move(answers));
  }
  answers_ = *std::move(answers);
  absl::Status queued =
      services_->prepares.Submit(call_, [self = shared_from_this()](absl::Status status) {
        if (!status.ok()) return self->done_(std::move(status));
        self->Rerank();
      });
  if (!queued.ok()) done_(std::move(queued));
}

void SearchTask::Rerank() {
  std::vector<std::pair<size_t, JudgeRequest>> work;
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (!requests_[i].rerank) continue;
    const engine::Rerank& rerank = *requests_[i].rerank;
    std::vector<std::string> texts = TextsToRerank(answers_[i]);
    if (!texts.empty()) {
      work.emplace_back(i, JudgeRequest{rerank.model, std::string(RerankQuestion(requests_[i])),
                                        std::move(texts), rerank.raw_scores, rerank.truncation});
    } else if (!answers_[i].hits.empty()) {
      return done_(
          At(i, Error(absl::StatusCode::kFailedPrecondition, reason::kNoText,
                      "rerank: none of the {} best documents has a text that a cross-encoder "
                      "could read",
                      answers_[i].hits.size())
                    .Field("rerank")));
    } else {
      ApplyRerank(requests_[i], {}, &answers_[i]);
    }
  }
  if (work.empty()) return done_(std::move(answers_));
  {
    absl::MutexLock lock(&mu_);
    judging_ = work.size();
  }
  for (auto& [i, request] : work) {
    Judge(*services_, std::move(request), call_,
          [self = shared_from_this(), i = i](absl::StatusOr<std::vector<Judgement>> judgements) {
            self->TakeJudgements(i, std::move(judgements));
          });
  }
}

void SearchTask::TakeJudgements(size_t i, absl::StatusOr<std::vector<Judgement>> judgements) {
  absl::Status status = judgements.status();
  if (status.ok()) {
    // Of each request once: nobody else has its answer now.
    SearchAnswer& answer = answers_[i];
    const size_t hits = answer.hits.size();
    ApplyRerank(requests_[i], *judgements, &answer);
    if (answer.explanation) {
      StageClock& clock = states_[i].clock;
      clock.End("rerank", "by " + requests_[i].rerank->model->info().name,
                {{"hits", hits},
                 {"passages", answer.reranked_passages},
                 {"tokens", answer.rerank_tokens},
                 {"dropped tokens", answer.rerank_dropped_tokens}});
      answer.explanation = clock.explanation();
    }
  } else {
    status = At(i, InField(std::move(status), "rerank"));
  }
  {
    absl::MutexLock lock(&mu_);
    if (judging_error_.ok()) judging_error_ = std::move(status);
    if (--judging_ > 0) return;
    status = judging_error_;
  }
  if (!status.ok()) return done_(std::move(status));
  done_(std::move(answers_));
}

}  // namespace kith::engine
