#include "server/engine/search_task.h"

#include <string>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
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
      states_(requests_.size()) {}

absl::Status SearchTask::At(size_t i, absl::Status status) const {
  return requests_.size() == 1 ? std::move(status)
                               : InField(std::move(status), fmt::format("searches[{}]", i));
}

void SearchTask::Start() {
  if (absl::Status status = Validate(); !status.ok()) return done_(std::move(status));
  size_t text_bytes = 0;
  for (const SearchRequest& request : requests_) {
    if (const auto* text = std::get_if<TextQuery>(&request.query)) text_bytes += text->text.size();
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
    const SearchRequest& request = requests_[i];
    KITH_RETURN_IF_ERROR(At(i, ValidateSearch(request, services_->limits)));
    absl::Status query = absl::OkStatus();
    if (const auto* text = std::get_if<TextQuery>(&request.query)) {
      query = ValidateText(text->text, services_->limits);
      if (query.ok()) query = RequireEncoder(context_).status();
      states_[i].from_text = true;
    } else if (const auto* vector = std::get_if<VectorQuery>(&request.query)) {
      query = InField(
          index::ValidateVector(vector->values, context_.space.metric, context_.space.dimension),
          "vector");
      states_[i].query.values = vector->values;
    } else {
      query = ValidateDocumentId(std::get<DocumentQuery>(request.query).id, services_->limits);
    }
    KITH_RETURN_IF_ERROR(At(i, InField(std::move(query), "query")));
  }
  return absl::OkStatus();
}

void SearchTask::Encode() {
  std::vector<EncodeQueue::Sequence> sequences;
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (!states_[i].from_text) continue;
    const encoder::Encoder& encoder = **context_.encoder;
    encoder::EncodedInput input =
        encoder.Prepare(std::get<TextQuery>(requests_[i].query).text, encoder::Role::kQuery);
    if (input.truncated() && requests_[i].truncation == Truncation::kNever) {
      return done_(
          At(i, InField(TooManyTokens(input.tokens_before_truncation, encoder.info().max_tokens),
                        "query")));
    }
    states_[i].truncated = input.truncated();
    states_[i].encoded_tokens = input.token_ids.size();
    sequences.push_back(std::move(input.token_ids));
  }
  if (sequences.empty()) return AwaitView();
  absl::Status queued = services_->encodes.Submit(
      *context_.encoder, std::move(sequences), encoder::Role::kQuery, call_,
      [self = shared_from_this()](absl::StatusOr<std::vector<float>> rows) {
        if (!rows.ok()) return self->done_(rows.status());
        absl::Status placed = self->PlaceEmbeddings(*rows);
        if (!placed.ok()) return self->done_(std::move(placed));
        self->AwaitView();
      });
  if (!queued.ok()) done_(std::move(queued));
}

absl::Status SearchTask::PlaceEmbeddings(std::span<const float> rows) {
  const size_t dimension = context_.space.dimension;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!states_[i].from_text) continue;
    const std::span<const float> row = rows.first(dimension);
    KITH_RETURN_IF_ERROR(At(i, InField(CheckEmbeddings(row, context_.space), "query")));
    states_[i].query.values.assign(row.begin(), row.end());
    rows = rows.subspan(dimension);
  }
  return absl::OkStatus();
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
  for (const SearchRequest& request : requests_) {
    if (std::holds_alternative<DocumentQuery>(request.query)) return false;
    if (request.limit + request.offset > kInlineHits) return false;
    nanoseconds += EstimateNanoseconds(view, request);
  }
  return nanoseconds < kInlineNanoseconds;
}

void SearchTask::Search() {
  std::shared_ptr<const View> view = shard_->view();
  const storage::Reader reader(view->snapshot);
  if (IsQuick(*view)) {
    auto answers = Run(*view, reader.CacheOnly());
    if (!storage::Reader::IsNotCached(answers.status())) return done_(std::move(answers));
  }
  absl::Status queued = services_->reads.Submit(
      call_, [self = shared_from_this(), view, reader](absl::Status status) {
        if (!status.ok()) return self->done_(std::move(status));
        self->done_(self->Run(*view, reader));
      });
  if (!queued.ok()) done_(std::move(queued));
}

void SearchTask::Sample(const SearchRequest& request, const SearchAnswer& answer,
                        const QueryVectors& query) const {
  // Only what a target decided, and nothing that leaves rows out.
  if (answer.strategy != Strategy::kGraph || request.ef || request.group_by_document ||
      !query.exclude.empty() || !shard_->sampler().Wants()) {
    return;
  }
  shard_->sampler().Take({query.values, static_cast<uint32_t>(request.limit + request.offset),
                          request.target_recall.value_or(kDefaultTargetRecall)});
}

absl::StatusOr<std::vector<SearchAnswer>> SearchTask::Run(const View& view,
                                                          const storage::Reader& reader) const {
  std::vector<SearchAnswer> answers;
  for (size_t i = 0; i < requests_.size(); ++i) {
    QueryVectors of_document;
    const QueryVectors* query = &states_[i].query;
    if (const auto* document = std::get_if<DocumentQuery>(&requests_[i].query)) {
      auto vectors = VectorsOfDocument(reader, shard_->identity(), document->id);
      if (!vectors.ok()) return At(i, vectors.status());
      of_document = *std::move(vectors);
      query = &of_document;
    }
    auto answer = RunSearch(view, reader, &services_->hits, shard_->identity(), requests_[i], *query,
                            shard_->sampler().boost(), *call_);
    if (!answer.ok()) {
      return At(i, shard_->indexer().AfterFailure(view, answer.status()));
    }
    answer->encoded_tokens = states_[i].encoded_tokens;
    answer->query_truncated = states_[i].truncated;
    answer->token = shard_->TokenOf(view);
    Sample(requests_[i], *answer, *query);
    answers.push_back(*std::move(answer));
  }
  return answers;
}

}  // namespace kith::engine
