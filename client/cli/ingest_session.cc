#include "client/cli/ingest_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

// Waits grow by a second each: at most about a minute and a half without any progress.
constexpr int kMaxOverloads = 12;

}  // namespace

Repair RepairOf(const absl::Status& refusal, bool failed_document_known, size_t documents) {
  const std::string reason = DetailsOf(refusal).reason;
  if (failed_document_known) return documents == 1 ? Repair::kReport : Repair::kDropOne;
  switch (refusal.code()) {
    case absl::StatusCode::kUnavailable:
      return Repair::kWait;
    case absl::StatusCode::kResourceExhausted:
      if (reason != reason::kMessageTooLarge) return Repair::kWait;
      [[fallthrough]];
    // What one document can cause.
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
      return documents == 1 ? Repair::kReport : Repair::kHalve;
    default:
      return Repair::kStop;
  }
}

absl::StatusOr<std::unique_ptr<IngestSession>> IngestSession::Open(client::Client& client,
                                                                   const std::string& collection,
                                                                   OnRefused on_refused) {
  std::unique_ptr<IngestSession> session(new IngestSession(std::move(on_refused)));
  client::IngestOptions options;
  options.collection = collection;
  options.on_ack = [session = session.get()](const client::IngestedBatch& batch) {
    session->TakeAck(batch);
  };
  KITH_ASSIGN_OR_RETURN(session->stream_, client.Ingest(std::move(options)));
  return session;
}

uint64_t IngestSession::accepted() const {
  absl::MutexLock lock(&mu_);
  return accepted_;
}

void IngestSession::TakeAck(const client::IngestedBatch& batch) {
  if (batch.status.ok()) {
    absl::MutexLock lock(&mu_);
    accepted_ += batch.documents.size();
    return;
  }
  Refusal refusal{batch.status, batch.ack.has_failed_document(), batch.ack.failed_document(), {}};
  refusal.documents.reserve(batch.tags.size());
  for (size_t i = 0; i < batch.tags.size(); ++i) {
    refusal.documents.push_back({batch.documents[static_cast<int>(i)], batch.tags[i]});
  }
  absl::MutexLock lock(&mu_);
  refusals_.push_back(std::move(refusal));
}

absl::Status IngestSession::Add(v1::DocumentInput document, uint64_t tag) {
  KITH_RETURN_IF_ERROR(RepairRefused().status());
  const std::string id = document.id();
  absl::Status status = stream_->Push(std::move(document), tag);
  if (absl::IsInvalidArgument(status)) {
    ++refused_;
    return on_refused_(tag, id, status);
  }
  return status;
}

absl::StatusOr<IngestSummary> IngestSession::Finish() {
  for (bool repaired = true; repaired;) {
    KITH_RETURN_IF_ERROR(stream_->Drain());
    KITH_ASSIGN_OR_RETURN(repaired, RepairRefused());
  }
  KITH_ASSIGN_OR_RETURN(const client::IngestTotals totals, stream_->Finish());
  return IngestSummary{totals.accepted_documents, totals.created_documents, totals.passages,
                       refused_};
}

absl::StatusOr<bool> IngestSession::RepairRefused() {
  for (bool any = false;; any = true) {
    Refusal refusal;
    {
      absl::MutexLock lock(&mu_);
      if (refusals_.empty()) return any;
      refusal = std::move(refusals_.front());
      refusals_.pop_front();
    }
    KITH_RETURN_IF_ERROR(RepairBatch(std::move(refusal)));
  }
}

absl::Status IngestSession::RepairBatch(Refusal refusal) {
  std::vector<Tagged>& documents = refusal.documents;
  switch (RepairOf(refusal.why, refusal.failed_document_known, documents.size())) {
    case Repair::kReport:
      return Report(documents.front(), refusal.why);
    case Repair::kDropOne: {
      const auto failed = documents.begin() + static_cast<ptrdiff_t>(refusal.failed_document);
      KITH_RETURN_IF_ERROR(Report(*failed, refusal.why));
      documents.erase(failed);
      return Resend(std::move(documents));
    }
    case Repair::kHalve: {
      const auto middle = documents.begin() + static_cast<ptrdiff_t>(documents.size() / 2);
      std::vector<Tagged> second(std::make_move_iterator(middle),
                                 std::make_move_iterator(documents.end()));
      documents.erase(middle, documents.end());
      KITH_RETURN_IF_ERROR(Resend(std::move(documents)));
      return Resend(std::move(second));
    }
    case Repair::kWait: {
      const uint64_t accepted_now = accepted();
      if (accepted_now != accepted_at_overload_) overloads_ = 0;
      accepted_at_overload_ = accepted_now;
      if (++overloads_ > kMaxOverloads) return refusal.why;
      absl::SleepFor(absl::Seconds(overloads_));
      return Resend(std::move(documents));
    }
    case Repair::kStop:
      break;
  }
  return refusal.why;
}

absl::Status IngestSession::Resend(std::vector<Tagged> documents) {
  // In a batch of their own, so that the halves of a batch do not meet again.
  KITH_RETURN_IF_ERROR(stream_->Flush());
  for (Tagged& tagged : documents) {
    KITH_RETURN_IF_ERROR(stream_->Push(std::move(tagged.document), tagged.tag));
  }
  return stream_->Flush();
}

absl::Status IngestSession::Report(const Tagged& tagged, const absl::Status& why) {
  ++refused_;
  return on_refused_(tagged.tag, tagged.document.id(), why);
}

}  // namespace kith::cli
