// View: an immutable picture of a shard at one sequence, from the vectors to the texts. A search,
// and the fetch of what it found, use one View, so that nobody ever sees two generations of a
// document, half a batch, or a hit whose text is gone. Published once a commit group; a row is
// dropped only when no View needs it.

#ifndef KITH_SERVER_ENGINE_VIEW_H_
#define KITH_SERVER_ENGINE_VIEW_H_

#include <cstdint>
#include <memory>

#include "index/index_view.h"
#include "server/engine/field_registry.h"
#include "storage/reader.h"

namespace kith::engine {

struct View {
  index::IndexView index;
  std::shared_ptr<const storage::Snapshot> snapshot;
  uint64_t sequence = 0;
  uint64_t running_hash = 0;
  uint64_t documents = 0, passages = 0, text_bytes = 0;
  std::shared_ptr<const FieldRegistry> fields;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_VIEW_H_
