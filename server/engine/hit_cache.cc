#include "server/engine/hit_cache.h"

#include <iterator>
#include <utility>

namespace kith::engine {
namespace {

// A list node, a slot of the map, the shared pointer's block.
constexpr uint64_t kEntryBytes = 192;
// Larger ones would push out hundreds of others.
constexpr uint64_t kLargestBytes = 16 << 10;

uint64_t BytesOf(const StoredHit& hit) {
  return kEntryBytes + hit.passage.SpaceUsedLong() + hit.document.SpaceUsedLong();
}

}  // namespace

std::shared_ptr<const StoredHit> HitCache::Find(const Key& key) {
  Stripe& stripe = StripeOf(key);
  absl::MutexLock lock(&stripe.mu);
  const auto found = stripe.entries.find(key);
  if (found == stripe.entries.end()) return nullptr;
  stripe.recent.splice(stripe.recent.begin(), stripe.recent, found->second);
  return found->second->hit;
}

void HitCache::Insert(const Key& key, std::shared_ptr<const StoredHit> hit) {
  const uint64_t bytes = BytesOf(*hit);
  if (bytes > kLargestBytes || bytes > stripe_bytes_) return;
  std::list<Entry> dropped;  // destroyed after the lock is given back
  Stripe& stripe = StripeOf(key);
  absl::MutexLock lock(&stripe.mu);
  if (stripe.entries.contains(key)) return;  // another search was first
  stripe.recent.push_front({key, std::move(hit), bytes});
  stripe.entries.emplace(key, stripe.recent.begin());
  stripe.bytes += bytes;
  while (stripe.bytes > stripe_bytes_) {
    stripe.bytes -= stripe.recent.back().bytes;
    stripe.entries.erase(stripe.recent.back().key);
    dropped.splice(dropped.begin(), stripe.recent, std::prev(stripe.recent.end()));
  }
}

}  // namespace kith::engine
