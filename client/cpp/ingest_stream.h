// IngestStream: many documents over one stream, at the pace that the server sets. Push documents;
// they are gathered into batches, a bounded number of which is on its way; Push blocks while that
// many are unanswered. Acknowledgements come to a callback, in the order in which documents were
// pushed.
//
//   IngestOptions options;
//   options.collection = "articles";
//   options.on_ack = [](const IngestedBatch& batch) { ... };
//   KITH_ASSIGN_OR_RETURN(auto stream, client->Ingest(std::move(options)));
//   for (v1::DocumentInput& document : documents)
//   KITH_RETURN_IF_ERROR(stream->Push(std::move(document))); KITH_ASSIGN_OR_RETURN(IngestTotals
//   totals, stream->Finish());
//
// A batch is written whole or refused whole; a refused one does not end the stream. When the
// connection breaks, the stream is resumed under its id by the next of these calls, and what
// is unanswered is sent again; the server answers what it had committed without writing it twice.
//
// Threads: Push, Flush, Drain and Finish belong to one thread at a time. One reader thread of the
// stream's own takes the answers and runs the callback.

#ifndef KITH_CLIENT_CPP_INGEST_STREAM_H_
#define KITH_CLIENT_CPP_INGEST_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/batch_builder.h"
#include "client/cpp/options.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "kith/v1/document_service.pb.h"

namespace kith::client {

// What became of one batch. Valid during the callback only.
struct IngestedBatch {
  uint64_t number = 0;
  // OK, or why the whole batch was refused; DetailsOf(status).reason tells programs.
  absl::Status status;
  const google::protobuf::RepeatedPtrField<v1::DocumentInput>& documents;
  // The tags that were pushed with the documents, one each.
  std::span<const uint64_t> tags;
  // The server's whole answer: results one a document if accepted, failed_document if one is at
  // fault (checked to be below documents.size()), commit token.
  const v1::IngestAck& ack;
};

struct IngestOptions {
  std::string collection;
  // Lets another process resume after this one died, by pushing the same documents in the same
  // batches. Empty: a random one.
  std::string stream_id;
  v1::Durability durability = v1::DURABILITY_UNSPECIFIED;
  v1::Truncation truncation = v1::TRUNCATION_UNSPECIFIED;
  // A batch is sent before it would pass this size; far below a message's limit, so that the server
  // can work while the next batch travels.
  size_t max_batch_bytes = size_t{4} << 20;
  // Upper bound to the server's advice on documents a batch.
  size_t max_batch_documents = 1000;
  // Called by the reader thread, one batch after the other. It must not call the stream.
  std::function<void(const IngestedBatch&)> on_ack;
};

struct IngestTotals {
  uint64_t batches = 0;
  uint64_t accepted_documents = 0;
  uint64_t refused_documents = 0;
  uint64_t created_documents = 0;  // of the accepted; the others were replaced
  uint64_t passages = 0;
  uint64_t resumed = 0;  // times that the connection broke and the stream went on
  // Of the last accepted batch: a read that asks for it sees all accepted documents.
  v1::CommitToken commit_token;
};

class IngestStream {
 public:
  // Drops what was not finished: batches still unanswered may or may not have been written.
  ~IngestStream();
  IngestStream(const IngestStream&) = delete;
  IngestStream& operator=(const IngestStream&) = delete;

  // Takes a document; `tag` comes back with its batch. Blocks while too many batches are
  // unanswered. INVALID_ARGUMENT if the document alone is too large for a message (it is not taken,
  // the stream goes on); any other error has ended the stream.
  absl::Status Push(v1::DocumentInput document, uint64_t tag = 0);
  // Sends what is gathered, without waiting for the answer.
  absl::Status Flush();
  // Flushes, and waits until everything is answered and every callback has returned.
  absl::Status Drain();
  // Drains and ends the stream.
  absl::StatusOr<IngestTotals> Finish();

  const std::string& stream_id() const { return options_.stream_id; }

 private:
  friend class Client;
  struct Connection;  // one attempt at the stream: gRPC's headers stay in the .cc
  struct Batch {
    uint64_t number = 0;
    v1::IngestDocumentsRequest request;
    std::vector<uint64_t> tags;
  };
  // Shared with the reader, which may drop a batch from the queue while its bytes are being
  // written.
  using BatchPtr = std::shared_ptr<const Batch>;
  using Connector = std::function<std::unique_ptr<Connection>()>;

  IngestStream(IngestOptions options, const ClientOptions& client, std::string address,
               Connector connect);

  // The first connection; an error is that of the stream.
  absl::Status Open();
  absl::Status CheckUsable() const;
  // Makes sure that a connection stands on which everything unanswered has been sent, trying again
  // for as long as that is safe. An error is final.
  absl::Status EnsureConnected();
  // One attempt: start, wait for the agreement, send what is unanswered again. Whether it worked
  // shows in broken_.
  void Connect();
  // Waits for the reader, ends the connection and says why it ended.
  absl::Status Disconnect();

  // The shared state, as the pushing thread asks for it.
  bool IsBroken();
  int Attempts();
  size_t BatchDocuments();
  bool WaitForRoom();        // false if the connection broke first
  bool WaitForAllAnswers();  // false if the connection broke first
  bool AgreedOrBroken() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool RoomOrBroken() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool AllAnsweredOrBroken() const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  // The reader thread. An error means that the server broke the protocol.
  void ReadAnswers(Connection* connection);
  absl::Status TakeAnswer(const v1::IngestDocumentsResponse& response);
  absl::Status TakeAck(const v1::IngestAck& ack, const Batch& batch);
  static absl::Status StatusOf(const v1::IngestAck& ack);
  void TakePace(const v1::IngestPace& pace) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const IngestOptions options_;
  const ClientOptions& client_;  // the Client's own, which outlives the stream
  const std::string address_;
  const Connector connect_;

  // Of the thread that pushes.
  BatchBuilder builder_;
  uint64_t next_number_ = 1;
  std::unique_ptr<Connection> connection_;
  std::thread reader_;
  absl::Status ended_;  // not OK once the stream cannot go on
  bool opened_ = false;
  bool finished_ = false;

  absl::Mutex mu_;
  std::deque<BatchPtr> unanswered_ ABSL_GUARDED_BY(mu_);
  bool agreed_ ABSL_GUARDED_BY(mu_) = false;  // the server answered this connection's start
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // this connection's reader has stopped
  absl::Status fault_ ABSL_GUARDED_BY(mu_);   // the server broke the protocol: final
  int attempts_ ABSL_GUARDED_BY(mu_) = 0;     // connections made since the last acknowledgement
  size_t max_in_flight_ ABSL_GUARDED_BY(mu_) = 1;
  size_t batch_documents_ ABSL_GUARDED_BY(mu_) = 1;
  IngestTotals totals_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_INGEST_STREAM_H_
