// Which shard, and which vector space of it, something belongs to: constants that are handed down.

#ifndef KITH_SERVER_ENGINE_SHARD_IDENTITY_H_
#define KITH_SERVER_ENGINE_SHARD_IDENTITY_H_

#include <cstdint>
#include <string>

#include "server/engine/schema.h"

namespace kith::engine {

struct ShardIdentity {
  uint32_t collection = 0;
  uint32_t shard = 0;
  std::string uuid;  // as in commit tokens
  uint64_t epoch = 1;
};

struct SpaceIdentity : ShardIdentity {
  uint16_t space = 0;  // in every key of its rows; never given twice in a collection
  uint32_t dimension = 0;
  Metric metric = Metric::kCosine;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SHARD_IDENTITY_H_
