// Replay: rows of storage into an index, with everything that an index has of a row: vector, terms,
// metadata. What no segment covers at start, and what a damaged segment is replaced by.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_REPLAY_H_
#define KITH_SERVER_ENGINE_INDEXING_REPLAY_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "server/engine/row_maker.h"
#include "server/engine/shard_identity.h"
#include "storage/reader.h"

namespace kith::engine {

// Rows that are there so far.
using LoadProgress = std::function<void(uint64_t rows)>;

struct ReplaySource {
  const storage::Reader& reader;
  const SpaceIdentity& shard;
  const RowMaker& rows;
  uint64_t sequence = 0;  // of the state that the reader sees
};

// Appends the live rows of a range from storage. DATA_LOSS (CORRUPTION) if what is stored of a row
// does not fit together.
absl::Status ReplayRange(const ReplaySource& source, index::OrdinalRange range,
                         const LoadProgress& progress, const Call& call, index::IndexWriter* index);

// Gives the rows of documents whose first ordinal is in a range, and that have an update row, the
// metadata that storage has of them now.
absl::Status ReplayUpdates(const ReplaySource& source, index::OrdinalRange range, const Call& call,
                           index::IndexWriter* index);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_REPLAY_H_
