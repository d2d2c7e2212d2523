// Deleting the documents that a filter lets through: those of one View, in batches through the
// committer, each of which is whole or absent. A document that is written or deleted by somebody
// else before its batch's turn is left as it is then.
//
// What was deleted stays deleted when the call ends early: batches before it are committed.

#ifndef KITH_SERVER_ENGINE_FILTERING_DELETE_MATCHING_H_
#define KITH_SERVER_ENGINE_FILTERING_DELETE_MATCHING_H_

#include <memory>

#include "kith/base/call.h"
#include "server/engine/document_filter.h"
#include "server/engine/schema.h"

namespace kith::engine {

class Services;
class Shard;

// Returns at once; `done` is called once. `services` and `shard` outlive the work.
void DeleteMatching(const Services* services, std::shared_ptr<Shard> shard,
                    const CollectionOptions& options, DeleteMatchingRequest request,
                    std::shared_ptr<const Call> call, DeleteMatchingDone done);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_DELETE_MATCHING_H_
