// Two threads share a stream: the caller's writes, connects and ends it; the reader's only reads.
// Neither holds mu_ while it is inside gRPC or the callback. A connection that broke is noticed by
// the reader (broken_) and mended by the caller, so that at every moment at most one thread writes.

#include "client/cpp/ingest_stream.h"

#include <algorithm>
#include <utility>

#include "client/cpp/ingest_connection.h"
#include "client/cpp/retry.h"
#include "client/cpp/wire_status.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::client {
namespace {

// Bounds to what a server may advise.
constexpr size_t kMaxInFlight = 64;
constexpr size_t kMaxBatchDocuments = 1000;
// What a message needs around the documents of a batch.
constexpr size_t kEnvelopeBytes = 64;

template <typename... Args>
absl::Status ProtocolFault(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kInternal, reason::kInternal, "ingestion stream: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

IngestStream::IngestStream(IngestOptions options, const ClientOptions& client, std::string address,
                           Connector connect)
    : options_(std::move(options)),
      client_(client),
      address_(std::move(address)),
      connect_(std::move(connect)),
      builder_(std::min(options_.max_batch_bytes, client.max_request_bytes - kEnvelopeBytes)) {}

IngestStream::~IngestStream() {
  if (!connection_) return;
  connection_->context.TryCancel();
  Disconnect().IgnoreError();
}

absl::Status IngestStream::Open() {
  KITH_RETURN_IF_ERROR(EnsureConnected());
  opened_ = true;
  return absl::OkStatus();
}

absl::Status IngestStream::Push(v1::DocumentInput document, uint64_t tag) {
  KITH_RETURN_IF_ERROR(CheckUsable());
  const size_t limit = client_.max_request_bytes - kEnvelopeBytes;
  if (const size_t size = BatchBuilder::SizeOf(document); size > limit) {
    return InvalidArgument(reason::kMessageTooLarge, "document {} has {} bytes, a message holds {}",
                           Quoted(document.id()), size, limit)
        .With("actual_bytes", size)
        .With("allowed_bytes", limit);
  }
  const size_t max_documents = BatchDocuments();
  if (!builder_.Fits(document, max_documents)) KITH_RETURN_IF_ERROR(Flush());
  builder_.Add(std::move(document), tag);
  return builder_.size() >= max_documents ? Flush() : absl::OkStatus();
}

absl::Status IngestStream::Flush() {
  KITH_RETURN_IF_ERROR(CheckUsable());
  if (builder_.empty()) return absl::OkStatus();
  while (!WaitForRoom()) KITH_RETURN_IF_ERROR(EnsureConnected());

  auto batch = std::make_shared<Batch>();
  batch->number = next_number_++;
  std::tie(batch->request, batch->tags) = builder_.Take();
  batch->request.mutable_batch()->set_number(batch->number);
  {
    absl::MutexLock lock(&mu_);
    unanswered_.push_back(batch);
  }
  // A write that fails shows as a broken connection soon; the batch waits in unanswered_ to be sent
  // again.
  connection_->stream->Write(batch->request);
  return absl::OkStatus();
}

absl::Status IngestStream::Drain() {
  KITH_RETURN_IF_ERROR(Flush());
  while (!WaitForAllAnswers()) KITH_RETURN_IF_ERROR(EnsureConnected());
  return absl::OkStatus();
}

absl::StatusOr<IngestTotals> IngestStream::Finish() {
  KITH_RETURN_IF_ERROR(Drain());
  finished_ = true;
  connection_->stream->WritesDone();
  // Everything is acknowledged: how the connection ends does not matter any more.
  Disconnect().IgnoreError();
  absl::MutexLock lock(&mu_);
  return totals_;
}

absl::Status IngestStream::CheckUsable() const {
  if (finished_) return absl::FailedPreconditionError("the ingestion stream is finished");
  return ended_;
}

absl::Status IngestStream::EnsureConnected() {
  KITH_RETURN_IF_ERROR(ended_);
  while (!connection_ || IsBroken()) {
    if (connection_) {
      const absl::Status why = Explain(Disconnect(), "IngestDocuments", address_);
      const int attempts = Attempts();
      const RetryOptions& retry = client_.retry;
      if (!IsWorthRetrying(why, Repeatable::kYes) ||
          attempts >= (opened_ ? retry.max_stream_attempts : retry.max_attempts)) {
        return ended_ = why;
      }
      client_.sleep(PauseAfter(why, std::max(attempts, 1), retry, client_.random()));
    }
    Connect();
  }
  return absl::OkStatus();
}

void IngestStream::Connect() {
  connection_ = connect_();
  std::deque<BatchPtr> resend;
  {
    absl::MutexLock lock(&mu_);
    agreed_ = broken_ = false;
    ++attempts_;
    if (opened_) ++totals_.resumed;
    resend = unanswered_;
  }
  reader_ = std::thread([this, connection = connection_.get()] { ReadAnswers(connection); });

  v1::IngestDocumentsRequest request;
  v1::IngestStart& start = *request.mutable_start();
  start.set_collection(options_.collection);
  start.set_stream_id(options_.stream_id);
  start.set_durability(options_.durability);
  start.set_truncation(options_.truncation);
  connection_->stream->Write(request);
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &IngestStream::AgreedOrBroken));
    if (broken_) return;
  }
  for (const BatchPtr& batch : resend) {
    if (!connection_->stream->Write(batch->request)) return;  // the reader will notice
  }
}

absl::Status IngestStream::Disconnect() {
  reader_.join();
  const grpc::Status wire = connection_->stream->Finish();
  connection_.reset();
  absl::MutexLock lock(&mu_);
  broken_ = true;
  if (!fault_.ok()) return fault_;
  absl::Status status = FromWire(wire.error_code(), wire.error_message(), wire.error_details());
  if (!status.ok()) return status;
  return ProtocolFault("the server ended it with {} batches unanswered", unanswered_.size());
}

bool IngestStream::IsBroken() {
  absl::MutexLock lock(&mu_);
  return broken_;
}

int IngestStream::Attempts() {
  absl::MutexLock lock(&mu_);
  return attempts_;
}

size_t IngestStream::BatchDocuments() {
  absl::MutexLock lock(&mu_);
  return batch_documents_;
}

bool IngestStream::WaitForRoom() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &IngestStream::RoomOrBroken));
  return !broken_;
}

bool IngestStream::WaitForAllAnswers() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &IngestStream::AllAnsweredOrBroken));
  return unanswered_.empty();
}

bool IngestStream::AgreedOrBroken() const { return agreed_ || broken_; }
bool IngestStream::RoomOrBroken() const { return broken_ || unanswered_.size() < max_in_flight_; }
bool IngestStream::AllAnsweredOrBroken() const { return broken_ || unanswered_.empty(); }

void IngestStream::ReadAnswers(Connection* connection) {
  v1::IngestDocumentsResponse response;
  while (connection->stream->Read(&response)) {
    absl::Status fault = TakeAnswer(response);
    if (fault.ok()) continue;
    connection->context.TryCancel();
    absl::MutexLock lock(&mu_);
    fault_ = std::move(fault);
    break;
  }
  absl::MutexLock lock(&mu_);
  broken_ = true;
}

absl::Status IngestStream::TakeAnswer(const v1::IngestDocumentsResponse& response) {
  BatchPtr batch;
  {
    absl::MutexLock lock(&mu_);
    if (response.has_started() && !agreed_) {
      TakePace(response.started().pace());
      agreed_ = true;
      return absl::OkStatus();
    }
    if (!response.has_ack() || !agreed_) return ProtocolFault("an answer out of turn");
    if (unanswered_.empty()) {
      return ProtocolFault("an answer for batch {}, and none is unanswered",
                           response.ack().batch_number());
    }
    batch = unanswered_.front();
  }
  return TakeAck(response.ack(), *batch);
}

absl::Status IngestStream::TakeAck(const v1::IngestAck& ack, const Batch& batch) {
  const auto& documents = batch.request.batch().documents();
  if (ack.batch_number() != batch.number) {
    return ProtocolFault("an answer for batch {} when {} is next", ack.batch_number(),
                         batch.number);
  }
  const bool accepted = ack.code() == 0;
  if (accepted && ack.results_size() != documents.size()) {
    return ProtocolFault("batch {}: {} results for {} documents", batch.number, ack.results_size(),
                         documents.size());
  }
  if (ack.has_failed_document() &&
      ack.failed_document() >= static_cast<uint32_t>(documents.size())) {
    return ProtocolFault("batch {}: document {} at fault, of {}", batch.number,
                         ack.failed_document(), documents.size());
  }
  if (options_.on_ack) {
    options_.on_ack({batch.number, StatusOf(ack), documents, batch.tags, ack});
  }

  // Only now is the batch answered: who waits for that knows that its callback has returned.
  absl::MutexLock lock(&mu_);
  unanswered_.pop_front();
  attempts_ = 0;
  ++totals_.batches;
  if (accepted) {
    totals_.accepted_documents += documents.size();
    totals_.commit_token = ack.commit_token();
    for (const v1::UpsertResult& result : ack.results()) {
      totals_.created_documents += result.created();
      totals_.passages += result.passage_count();
    }
  } else {
    totals_.refused_documents += documents.size();
  }
  if (ack.has_pace()) TakePace(ack.pace());
  return absl::OkStatus();
}

absl::Status IngestStream::StatusOf(const v1::IngestAck& ack) {
  if (ack.code() == 0) return absl::OkStatus();
  const absl::Status code = FromWire(ack.code(), "", "");
  ErrorBuilder error(code.code(), ack.reason(), ack.message());
  if (ack.has_failed_document()) {
    std::move(error).Field(fmt::format("documents[{}]", ack.failed_document()));
  }
  return absl::Status(std::move(error));
}

void IngestStream::TakePace(const v1::IngestPace& pace) {
  max_in_flight_ = std::clamp<size_t>(pace.max_in_flight(), 1, kMaxInFlight);
  batch_documents_ =
      std::clamp<size_t>(pace.batch_documents(), 1,
                         std::clamp<size_t>(options_.max_batch_documents, 1, kMaxBatchDocuments));
}

}  // namespace kith::client
