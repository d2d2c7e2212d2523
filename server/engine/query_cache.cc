#include "server/engine/query_cache.h"

#include <iterator>
#include <utility>

#include "absl/hash/hash.h"
#include "fmt/format.h"

namespace kith::engine {
namespace {

// A list node, a slot of the map, the shared pointer's block, the vector's and the string's heads.
constexpr uint64_t kEntryBytes = 256;
// Questions are short; a longer one costs more to keep, and hardly comes again.
constexpr size_t kLongestText = 4 << 10;

}  // namespace

std::string QueryCache::KeyOf(const encoder::EncoderInfo& encoder, std::string_view text) {
  if (text.size() > kLongestText) return {};
  // The prompt's length keeps ("ab", "c") and ("a", "bc") apart; the rest before it has no spaces.
  return fmt::format("{} {} {} {}{}", encoder.space_hash, encoder.precision,
                     encoder.query_prompt.size(), encoder.query_prompt, text);
}

QueryCache::Stripe& QueryCache::StripeOf(std::string_view key) {
  return stripes_[absl::HashOf(key) % kStripes];
}

std::shared_ptr<const QueryCache::Embedded> QueryCache::Find(const std::string& key) {
  if (!key.empty() && capacity_ > 0) {
    Stripe& stripe = StripeOf(key);
    absl::MutexLock lock(&stripe.mu);
    if (const auto found = stripe.entries.find(key); found != stripe.entries.end()) {
      stripe.recent.splice(stripe.recent.begin(), stripe.recent, found->second);
      hits_.fetch_add(1, std::memory_order_relaxed);
      return found->second->embedded;
    }
  }
  misses_.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

void QueryCache::Insert(const std::string& key, std::shared_ptr<const Embedded> embedded) {
  const uint64_t bytes = kEntryBytes + key.size() + embedded->values.size() * sizeof(float);
  const uint64_t stripe_bytes = capacity_ / kStripes;
  if (key.empty() || bytes > stripe_bytes) return;
  std::list<Entry> dropped;  // destroyed after the lock is given back
  Stripe& stripe = StripeOf(key);
  absl::MutexLock lock(&stripe.mu);
  if (stripe.entries.contains(key)) return;  // another search was first
  stripe.recent.push_front({key, std::move(embedded), bytes});
  stripe.entries.emplace(stripe.recent.front().key, stripe.recent.begin());
  stripe.bytes += bytes;
  while (stripe.bytes > stripe_bytes) {
    stripe.bytes -= stripe.recent.back().bytes;
    stripe.entries.erase(stripe.recent.back().key);
    dropped.splice(dropped.begin(), stripe.recent, std::prev(stripe.recent.end()));
  }
}

QueryCache::Stats QueryCache::stats() const {
  Stats stats;
  stats.hits = hits_.load(std::memory_order_relaxed);
  stats.misses = misses_.load(std::memory_order_relaxed);
  stats.capacity = capacity_;
  for (const Stripe& stripe : stripes_) {
    absl::MutexLock lock(&stripe.mu);
    stats.entries += stripe.recent.size();
    stats.bytes += stripe.bytes;
  }
  return stats;
}

}  // namespace kith::engine
