// The engine's IngestSession: batches are prepared in any order and committed in the order pushed.

#ifndef KITH_SERVER_ENGINE_ORDERED_INGEST_H_
#define KITH_SERVER_ENGINE_ORDERED_INGEST_H_

#include <memory>
#include <optional>
#include <string>

#include "kith/base/call.h"
#include "server/engine/collection.h"
#include "server/engine/ingest_session.h"
#include "server/engine/services.h"

namespace kith::engine {

// REQUIRES: `stream_id` is empty or valid.
std::unique_ptr<IngestSession> NewOrderedIngest(
    const Services* services, std::shared_ptr<Collection> collection, std::string stream_id,
    std::optional<Durability> durability, Truncation truncation, std::shared_ptr<const Call> call);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ORDERED_INGEST_H_
