// IngestCall: one IngestDocuments stream, between gRPC and an engine::IngestSession.
//
// Protocol: `start`, answered by `started`; then batches, each answered by one ack, in order. At
// most pace.max_in_flight batches are unanswered (their acks not yet on the wire): beyond that the
// stream is not read, and HTTP/2's flow control holds the client back. After the client's
// half-close and the last ack the stream ends OK. A message out of order ends it with
// INVALID_ARGUMENT, a drain with UNAVAILABLE / DRAINING; in both cases what was taken before is
// answered first.
//
// Threading: gRPC's reactions and the engine's callbacks come from any thread, some at the same
// time. They change the state under mu_ and then call Drive(), which alone starts operations of
// gRPC. One thread drives at a time and holds no lock while it does, because gRPC may run a
// reaction inside the call that started it. As Finish is one of the driver's operations and nothing
// is driven after it, no operation is ever started on a stream that has ended.
//
// Lifetime: gRPC holds the call until OnDone, which comes after Finish and after every started read
// and write; the engine's callbacks hold the shared pointer.

#ifndef KITH_SERVER_RPC_INGEST_CALL_H_
#define KITH_SERVER_RPC_INGEST_CALL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "kith/base/call.h"
#include "kith/v1/document_service.pb.h"
#include "server/engine/database.h"
#include "server/engine/ingest_session.h"
#include "server/rpc/call_info.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

class IngestCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                         public LongCall,
                         public std::enable_shared_from_this<IngestCall> {
 public:
  // The reactor of a new stream, for gRPC.
  static grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Start(
      Gate* gate, grpc::CallbackServerContext* context);

  // Made by Start alone.
  IngestCall(Gate* gate, grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void Drain() override;

 private:
  enum class Step { kNone, kRead, kWrite, kFinish };

  absl::Status Begin();

  // Starts whatever can be started now. REQUIRES: mu_ is not held.
  void Drive() ABSL_LOCKS_EXCLUDED(mu_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return half_closed_ || broken_ || end_.has_value();
  }

  // Deals with incoming_. An error ends the stream.
  absl::Status OnMessage() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnStart(v1::IngestStart* start) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnBatch(v1::IngestBatch* batch, size_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void OnAnswer(uint64_t number, size_t bytes, const absl::Status& refused,
                absl::StatusOr<engine::UpsertAnswer> answer) ABSL_LOCKS_EXCLUDED(mu_);

  void Queue(const v1::IngestDocumentsResponse& message) ABSL_LOCKS_EXCLUDED(mu_);
  // The stream ends with `status` (the first one counts) once what was taken is answered.
  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after Start.
  Gate* const gate_;
  engine::Database* database_ = nullptr;
  bool entered_ = false;

  CallInfo info_;
  const std::shared_ptr<Call> call_;  // own synchronisation
  StallWatch::Wait wait_;             // the driver's, and of the reaction to what it started

  // Only the reading reaction's: gRPC runs one OnReadDone at a time. (The session's pace is read
  // from its callbacks too; it is made before the first of them and lives as long as this.)
  grpc::ByteBuffer incoming_;
  std::unique_ptr<engine::IngestSession> session_;
  uint64_t last_number_ = 0;  // of the batches pushed
  bool resumable_ = false;

  absl::Mutex mu_;
  bool driving_ ABSL_GUARDED_BY(mu_) = false;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;   // from StartRead to the end of OnReadDone
  bool handling_ ABSL_GUARDED_BY(mu_) = false;  // a message has arrived and is being dealt with
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;  // nothing more comes
  bool broken_ ABSL_GUARDED_BY(mu_) = false;       // nothing more can be sent
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  uint32_t max_in_flight_ ABSL_GUARDED_BY(mu_) = 1;
  size_t in_engine_ ABSL_GUARDED_BY(mu_) = 0;  // batches pushed and not answered by the engine
  // To be written; the first is being written if writing_. Bounded by max_in_flight_, plus
  // `started`.
  std::deque<grpc::ByteBuffer> outgoing_ ABSL_GUARDED_BY(mu_);
  size_t bytes_in_ ABSL_GUARDED_BY(mu_) = 0;
  size_t bytes_out_ ABSL_GUARDED_BY(mu_) = 0;

  std::shared_ptr<IngestCall> self_;  // gRPC's hold: until OnDone
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_INGEST_CALL_H_
