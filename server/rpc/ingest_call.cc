#include "server/rpc/ingest_call.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/message.h"
#include "server/rpc/status.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_documents.h"

namespace kith::rpc {
namespace {

constexpr char kMethod[] = "DocumentService/IngestDocuments";

absl::Status OutOfOrder(const std::string& message) {
  return InvalidArgument(reason::kInvalidRequest, "{}", message);
}

void WritePace(const engine::IngestPace& pace, v1::IngestPace* out) {
  out->set_max_in_flight(pace.max_in_flight);
  out->set_batch_documents(pace.batch_documents);
}

// The i of a field path "documents[i]...".
std::optional<uint32_t> DocumentAtFault(const absl::Status& status) {
  constexpr std::string_view kPrefix = "documents[";
  const std::string field = DetailsOf(status).field;
  if (!field.starts_with(kPrefix)) return std::nullopt;
  uint32_t index = 0;
  const char* const end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data() + kPrefix.size(), end, index);
  if (error != std::errc() || rest == end || *rest != ']') return std::nullopt;
  return index;
}

v1::IngestDocumentsResponse MakeAck(uint64_t number, const engine::IngestPace& pace,
                                    absl::StatusOr<engine::UpsertAnswer> answer,
                                    const std::string& request_id) {
  v1::IngestDocumentsResponse message;
  v1::IngestAck* ack = message.mutable_ack();
  ack->set_batch_number(number);
  WritePace(pace, ack->mutable_pace());
  if (answer.ok()) {
    WriteUpsertResults(std::move(answer->results), ack->mutable_results());
    SetToken(answer->token, ack);
    ack->set_durability(WriteDurability(answer->durability));
    return message;
  }
  const absl::Status status = Public(answer.status(), request_id);
  ack->set_code(static_cast<int32_t>(status.code()));
  ack->set_message(std::string(status.message()));
  ack->set_reason(ReasonOf(status));
  if (const auto index = DocumentAtFault(status)) ack->set_failed_document(*index);
  return message;
}

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestCall::Start(
    Gate* gate, grpc::CallbackServerContext* context) {
  auto self = std::make_shared<IngestCall>(gate, context);
  self->self_ = self;
  if (absl::Status status = self->Begin(); !status.ok()) {
    self->End(std::move(status));
  } else {
    self->Drive();
  }
  return self.get();
}

IngestCall::IngestCall(Gate* gate, grpc::CallbackServerContext* context)
    : gate_(gate),
      info_(kMethod, context),
      call_(std::make_shared<Call>(SteadyDeadline(context->deadline()))) {
  info_.MayTakeLong();
}

absl::Status IngestCall::Begin() {
  KITH_RETURN_IF_ERROR(info_.Admit(gate_->guard()));
  KITH_ASSIGN_OR_RETURN(database_, gate_->Enter(0));
  entered_ = true;
  if (gate_->Register(shared_from_this())) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, reason::kDraining, "the server is stopping");
}

void IngestCall::Drive() {
  {
    absl::MutexLock lock(&mu_);
    if (driving_) return;  // whoever drives sees what has changed
    driving_ = true;
  }
  // Finish lets gRPC give up its hold at once.
  const std::shared_ptr<IngestCall> hold = shared_from_this();
  for (;;) {
    Step step;
    const grpc::ByteBuffer* next = nullptr;
    grpc::Status status;
    {
      absl::MutexLock lock(&mu_);
      step = NextStep();
      switch (step) {
        case Step::kNone:
          driving_ = false;
          return;
        case Step::kRead:
          reading_ = true;
          break;
        case Step::kWrite:
          writing_ = true;
          next = &outgoing_.front();  // deque: stays where it is while others are added
          break;
        case Step::kFinish:
          status = info_.Finish(end_.value_or(absl::OkStatus()), *gate_, bytes_in_, bytes_out_);
          break;
      }
    }
    switch (step) {
      case Step::kNone:
        break;
      case Step::kRead:
        StartRead(&incoming_);
        break;
      case Step::kWrite:
        wait_.Begin(&gate_->stalls(), info_.context());
        StartWrite(next);
        break;
      case Step::kFinish:
        wait_.Begin(&gate_->stalls(), info_.context());
        Finish(std::move(status));
        return;  // driving_ stays set: nothing is driven any more
    }
  }
}

IngestCall::Step IngestCall::NextStep() {
  if (broken_ && !writing_) outgoing_.clear();
  if (!writing_ && !outgoing_.empty()) return Step::kWrite;
  if (!ending()) {
    // One batch is always taken, whatever other calls hold: its answer drives again.
    const bool room =
        in_engine_ + outgoing_.size() < max_in_flight_ && (in_engine_ == 0 || gate_->HasRoom());
    return !reading_ && room ? Step::kRead : Step::kNone;
  }
  // A read may still be waiting for the client: Finish ends it. A message that has arrived is dealt
  // with first.
  const bool answered = !handling_ && in_engine_ == 0 && outgoing_.empty();
  return answered ? Step::kFinish : Step::kNone;
}

void IngestCall::OnReadDone(bool ok) {
  bool handle;
  {
    absl::MutexLock lock(&mu_);
    handle = ok && !ending();  // the stream may have been ended while the message was on its way
    handling_ = handle;
  }
  absl::Status status;
  if (handle) status = OnMessage();
  {
    absl::MutexLock lock(&mu_);
    handling_ = false;
    reading_ = false;
    if (!ok) half_closed_ = true;
    // At once: between two messages another thread could start the next read.
    if (!status.ok() && !end_.has_value()) end_ = std::move(status);
  }
  Drive();
}

absl::Status IngestCall::OnMessage() {
  const size_t bytes = incoming_.Length();
  v1::IngestDocumentsRequest request;
  KITH_RETURN_IF_ERROR(Parse(&incoming_, &request));
  switch (request.message_case()) {
    case v1::IngestDocumentsRequest::kStart:
      if (session_ != nullptr) return OutOfOrder("start: the stream has been started already");
      KITH_RETURN_IF_ERROR(info_.CheckRequest(request));
      return OnStart(request.mutable_start());
    case v1::IngestDocumentsRequest::kBatch:
      if (session_ == nullptr) return OutOfOrder("batch: the first message must be start");
      return OnBatch(request.mutable_batch(), bytes);
    case v1::IngestDocumentsRequest::MESSAGE_NOT_SET:
      break;
  }
  return OutOfOrder("the message is neither start nor batch");
}

absl::Status IngestCall::OnStart(v1::IngestStart* start) {
  KITH_ASSIGN_OR_RETURN(auto durability, ReadDurability(start->durability(), "start.durability"));
  KITH_ASSIGN_OR_RETURN(auto truncation, ReadTruncation(start->truncation(), "start.truncation"));
  KITH_ASSIGN_OR_RETURN(const auto collection, database_->Find(start->collection()));
  resumable_ = !start->stream_id().empty();
  auto session =
      collection->Ingest(std::move(*start->mutable_stream_id()), durability, truncation, call_);
  if (!session.ok()) return InField(session.status(), "start");
  session_ = *std::move(session);
  const engine::IngestPace pace = session_->pace();
  {
    absl::MutexLock lock(&mu_);
    max_in_flight_ = std::max<uint32_t>(1, pace.max_in_flight);
  }
  v1::IngestDocumentsResponse message;
  WritePace(pace, message.mutable_started()->mutable_pace());
  Queue(message);
  return absl::OkStatus();
}

absl::Status IngestCall::OnBatch(v1::IngestBatch* batch, size_t bytes) {
  const uint64_t number = batch->number();
  const bool first = last_number_ == 0;
  const bool fits = first ? number == 1 || (resumable_ && number > 1) : number == last_number_ + 1;
  if (!fits) {
    return InvalidArgument(reason::kInvalidRequest, "batch.number is {}: the next batch is {}{}",
                           number, last_number_ + 1,
                           first && resumable_ ? ", or a later one when resuming" : "")
        .Field("batch.number");
  }
  last_number_ = number;
  absl::StatusOr<std::vector<engine::DocumentInput>> documents =
      ReadDocuments(batch->mutable_documents(), database_->limits());
  {
    absl::MutexLock lock(&mu_);
    ++in_engine_;
    bytes_in_ += bytes;
  }
  gate_->AddBytes(bytes);
  // A batch that does not translate is pushed empty: the engine refuses it like any other, in its
  // place between its neighbours, and the ack carries what was really wrong.
  absl::Status refused = documents.status();
  session_->Push(number,
                 documents.ok() ? *std::move(documents) : std::vector<engine::DocumentInput>(),
                 [self = shared_from_this(), number, bytes,
                  refused = std::move(refused)](absl::StatusOr<engine::UpsertAnswer> answer) {
                   self->OnAnswer(number, bytes, refused, std::move(answer));
                 });
  return absl::OkStatus();
}

void IngestCall::OnAnswer(uint64_t number, size_t bytes, const absl::Status& refused,
                          absl::StatusOr<engine::UpsertAnswer> answer) {
  if (!refused.ok()) answer = refused;
  gate_->RemoveBytes(bytes);
  const engine::IngestPace pace = session_->pace();
  Queue(MakeAck(number, pace, std::move(answer), info_.request_id()));
  {
    absl::MutexLock lock(&mu_);
    --in_engine_;
    max_in_flight_ = std::max<uint32_t>(1, pace.max_in_flight);
  }
  Drive();
}

void IngestCall::Queue(const v1::IngestDocumentsResponse& message) {
  grpc::ByteBuffer buffer;
  const absl::Status status = Serialize(message, std::numeric_limits<size_t>::max(), &buffer);
  KITH_CHECK(status.ok(), "an ack has a few words a document of a bounded batch");
  absl::MutexLock lock(&mu_);
  bytes_out_ += buffer.Length();
  outgoing_.push_back(std::move(buffer));
}

void IngestCall::OnWriteDone(bool ok) {
  wait_.End();  // before another write can begin
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    outgoing_.pop_front();
    if (!ok) broken_ = true;
  }
  Drive();
}

void IngestCall::OnCancel() { call_->Cancel(); }

void IngestCall::Drain() {
  End(Error(absl::StatusCode::kUnavailable, reason::kDraining,
            "the server is stopping: every batch it took has been answered; resume elsewhere, or "
            "when it "
            "is back")
          .RetryAfter(absl::Seconds(1)));
}

void IngestCall::End(absl::Status status) {
  {
    absl::MutexLock lock(&mu_);
    if (!end_.has_value()) end_ = std::move(status);
  }
  Drive();
}

void IngestCall::OnDone() {
  wait_.End();
  if (entered_) {
    gate_->Unregister(this);
    gate_->Leave(0);
  }
  self_.reset();  // the last hold, unless a callback is still returning: nothing may follow
}

}  // namespace kith::rpc
