// HitCache: the storage rows behind hits, parsed, by vector space and ordinal. A search at full
// speed spends more time on twenty point reads of RocksDB than on the graph; hits of real questions
// repeat.
//
// Nothing in it ever goes stale: an ordinal is never reused, a write of a document gives all of its
// passages new ordinals, and a change of its metadata alone gives them another *stamp*
// (index::MetadataRuns::StampOf). So an entry is right for every View that shows its ordinal with
// its stamp.
//
// Thread-safe: striped locks, held for a look-up.

#ifndef KITH_SERVER_ENGINE_HIT_CACHE_H_
#define KITH_SERVER_ENGINE_HIT_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "kith/store/document.pb.h"
#include "storage/types.h"

namespace kith::engine {

// What storage says about a passage that was found.
struct StoredHit {
  store::PassageRecord passage;
  store::DocumentRecord document;
};

class HitCache {
 public:
  // Holds about `bytes`, what its entries need of their own included; the longest unused go first.
  explicit HitCache(uint64_t bytes) : stripe_bytes_(bytes / kStripes) {}
  HitCache(const HitCache&) = delete;
  HitCache& operator=(const HitCache&) = delete;

  // What names a row as a View shows it.
  struct Key {
    storage::ShardNumber shard = 0;
    storage::SpaceNumber space = 0;
    storage::Ordinal ordinal = 0;
    storage::Sequence stamp = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.shard, key.space, key.ordinal, key.stamp);
    }
  };

  // Null if it is not there.
  std::shared_ptr<const StoredHit> Find(const Key& key);
  // Large rows (a document with much metadata) are not kept.
  void Insert(const Key& key, std::shared_ptr<const StoredHit> hit);

 private:
  static constexpr size_t kStripes = 16;

  struct Entry {
    Key key;
    std::shared_ptr<const StoredHit> hit;
    uint64_t bytes;
  };
  struct Stripe {
    absl::Mutex mu;
    std::list<Entry> recent ABSL_GUARDED_BY(mu);  // the last used first
    absl::flat_hash_map<Key, std::list<Entry>::iterator> entries ABSL_GUARDED_BY(mu);
    uint64_t bytes ABSL_GUARDED_BY(mu) = 0;
  };

  // Neighbouring ordinals, which one document's passages have, lie on different stripes.
  Stripe& StripeOf(const Key& key) { return stripes_[key.ordinal % kStripes]; }

  const uint64_t stripe_bytes_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_HIT_CACHE_H_
