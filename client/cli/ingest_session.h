// IngestSession: an ingestion stream that gets every document in that can be got in. The server
// refuses a batch as a whole; the session finds out which document was at fault, reports that one,
// and sends the others again. An overloaded server is given time.
//
// A document that is sent again comes after documents that were added later: where an id occurs
// twice in the input of one session, and the first one's batch was refused, the older may win.
//
// Not thread-safe: belongs to one thread. The stream's reader thread only fills the queue under
// mu_.

#ifndef KITH_CLIENT_CLI_INGEST_SESSION_H_
#define KITH_CLIENT_CLI_INGEST_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/client.h"

namespace kith::cli {

// What to do about a refused batch of `documents`.
enum class Repair {
  kDropOne,  // one document is at fault: report it, send the others again
  kHalve,    // it is not known which, or they are too many together: send two halves
  kReport,   // a single document, refused for what it is
  kWait,     // the server is overloaded: send the same later
  kStop,     // no document would fare better
};
Repair RepairOf(const absl::Status& refusal, bool failed_document_known, size_t documents);

struct IngestSummary {
  uint64_t accepted = 0;
  uint64_t created = 0;  // of the accepted; the others were replaced
  uint64_t passages = 0;
  uint64_t refused = 0;
};

class IngestSession {
 public:
  // Tells of a document that was refused for good, by the tag it was added with. Called inside Add
  // and Finish; an error it returns ends the session.
  using OnRefused =
      std::function<absl::Status(uint64_t tag, const std::string& id, const absl::Status& why)>;

  static absl::StatusOr<std::unique_ptr<IngestSession>> Open(client::Client& client,
                                                             const std::string& collection,
                                                             OnRefused on_refused);

  // Blocks at the pace of the server. An error has ended the session, except for a document too
  // large to be sent at all, which is reported.
  absl::Status Add(v1::DocumentInput document, uint64_t tag);
  // Returns when every document has been accepted or reported.
  absl::StatusOr<IngestSummary> Finish();

  uint64_t accepted() const;

 private:
  struct Tagged {
    v1::DocumentInput document;
    uint64_t tag;
  };
  struct Refusal {
    absl::Status why;
    bool failed_document_known;
    size_t failed_document;
    std::vector<Tagged> documents;
  };

  explicit IngestSession(OnRefused on_refused) : on_refused_(std::move(on_refused)) {}

  void TakeAck(const client::IngestedBatch& batch);  // the stream's reader thread
  // Repairs the batches that were refused since; true if there were any.
  absl::StatusOr<bool> RepairRefused();
  absl::Status RepairBatch(Refusal refusal);
  absl::Status Resend(std::vector<Tagged> documents);
  absl::Status Report(const Tagged& document, const absl::Status& why);

  const OnRefused on_refused_;
  uint64_t refused_ = 0;
  int overloads_ = 0;  // waits since a document was accepted
  uint64_t accepted_at_overload_ = 0;

  mutable absl::Mutex mu_;
  std::deque<Refusal> refusals_ ABSL_GUARDED_BY(mu_);
  uint64_t accepted_ ABSL_GUARDED_BY(mu_) = 0;

  // Last: its reader thread, which uses the rest, ends first.
  std::unique_ptr<client::IngestStream> stream_;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_INGEST_SESSION_H_
