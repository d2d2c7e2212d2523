// A Kith server that does what a test tells it, on a port of its own inside the test's process. It
// keeps what it was sent, and commits ingested batches as kithd promises: a batch of a resumed
// stream that was committed already is answered, not written again.

#ifndef KITH_TESTS_CLIENT_FAKE_SERVER_H_
#define KITH_TESTS_CLIENT_FAKE_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/client.h"
#include "grpcpp/grpcpp.h"
#include "kith/v1/collection_service.grpc.pb.h"
#include "kith/v1/document_service.grpc.pb.h"
#include "kith/v1/search_service.grpc.pb.h"

namespace kith {

// As kithd sends it: code, message, and the details in the trailer.
grpc::Status ToWire(const absl::Status& status);

// What becomes of an ingested batch.
struct Verdict {
  bool commit = true;
  bool answer = true;          // false: the connection breaks instead
  absl::Status refusal;        // in the ack
  int failed_document = -1;    // in the ack
  uint64_t number_offset = 0;  // to answer for another batch than the one that is next
};

class FakeServer {
 public:
  FakeServer();
  ~FakeServer();

  // A client of this server whose pauses are counted, not slept.
  std::unique_ptr<client::Client> Connect(client::ClientOptions options = {});

  // Told by the test, before the calls that it concerns.
  std::deque<absl::Status> failures;  // of the next unary calls, or of the next starts of a stream
  uint32_t max_in_flight = 4;
  uint32_t batch_documents = 2;
  uint32_t withhold = 1;  // answers are sent when so many batches wait (or the stream ends)
  std::function<Verdict(const v1::IngestBatch&)> on_batch = [](const auto&) { return Verdict(); };

  // What it was sent; read when no call is on its way.
  int calls = 0;                         // unary
  std::vector<std::string> request_ids;  // of upserts
  std::vector<v1::IngestStart> starts;
  std::vector<uint64_t> batch_numbers;  // as received
  std::vector<std::string> committed;   // ids of documents, in the order of committing
  std::vector<absl::Duration> pauses;   // of the clients

 private:
  class Documents;
  class Searches;
  class Collections;

  grpc::Status Unary();
  grpc::Status Ingest(
      grpc::ServerReaderWriter<v1::IngestDocumentsResponse, v1::IngestDocumentsRequest>* stream);
  Verdict Take(const std::string& stream_id, const v1::IngestBatch& batch);

  absl::Mutex mu_;                                  // the handlers' threads
  std::map<std::string, uint64_t> last_committed_;  // by stream
  std::unique_ptr<Documents> documents_;
  std::unique_ptr<Searches> searches_;
  std::unique_ptr<Collections> collections_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace kith

#endif  // KITH_TESTS_CLIENT_FAKE_SERVER_H_
