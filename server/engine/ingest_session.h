// IngestSession: one client's stream of batches. Batches are prepared (split, encoded) in parallel
// and committed in the order pushed; answers come in that order too. A batch that is refused leaves
// nothing, and the stream goes on.
//
// Push from one thread at a time; `done` callbacks come from the engine's threads, one at a time,
// in order. The session may be destroyed at any moment: what was pushed is still answered.

#ifndef KITH_SERVER_ENGINE_INGEST_SESSION_H_
#define KITH_SERVER_ENGINE_INGEST_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "server/engine/document.h"
#include "server/engine/write.h"

namespace kith::engine {

// How fast a client may go; kith.v1.IngestPace.
struct IngestPace {
  uint32_t max_in_flight = 0;    // batches unanswered at a time
  uint32_t batch_documents = 0;  // documents a batch that suit the server now
};

class IngestSession {
 public:
  virtual ~IngestSession() = default;

  // REQUIRES: `number` is one more than the last pushed (the first may be any from 1: a resumed
  // stream starts later), and fewer than pace().max_in_flight batches are unanswered. The RPC layer
  // sees to both.
  virtual void Push(uint64_t number, std::vector<DocumentInput> documents, UpsertDone done) = 0;

  virtual IngestPace pace() const = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INGEST_SESSION_H_
