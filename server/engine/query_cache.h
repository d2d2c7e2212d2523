// QueryCache: embeddings of questions that were asked before. Questions repeat, and encoding one
// costs more than everything else of a search.
//
// An entry is found by all that decides the numbers: the vector space (its hash, in which the
// dimensions count), the prompt, the precision, and the text itself, compared byte by byte. So
// nothing in it ever goes stale.
//
// Thread-safe: striped locks, held for a look-up.

#ifndef KITH_SERVER_ENGINE_QUERY_CACHE_H_
#define KITH_SERVER_ENGINE_QUERY_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "encoder/encoder.h"

namespace kith::engine {

class QueryCache {
 public:
  // A text as a question, and what became of it.
  struct Embedded {
    std::vector<float> values;
    uint32_t tokens = 0;   // that were encoded
    uint32_t dropped = 0;  // that were cut off
  };
  struct Stats {
    uint64_t hits = 0, misses = 0;  // since the server started
    uint64_t entries = 0, bytes = 0, capacity = 0;
  };

  // Holds at most `bytes`, what its entries need of their own included; the longest unused go
  // first. 0: nothing is kept.
  explicit QueryCache(uint64_t bytes) : capacity_(bytes) {}
  QueryCache(const QueryCache&) = delete;
  QueryCache& operator=(const QueryCache&) = delete;

  // What names the embedding of `text` as a question. Empty: too long to be kept.
  static std::string KeyOf(const encoder::EncoderInfo& encoder, std::string_view text);

  // Null if it is not there.
  std::shared_ptr<const Embedded> Find(const std::string& key);
  void Insert(const std::string& key, std::shared_ptr<const Embedded> embedded);

  Stats stats() const;

 private:
  static constexpr size_t kStripes = 8;

  struct Entry {
    std::string key;
    std::shared_ptr<const Embedded> embedded;
    uint64_t bytes;
  };
  struct Stripe {
    mutable absl::Mutex mu;
    std::list<Entry> recent ABSL_GUARDED_BY(mu);  // the last used first; nodes never move
    absl::flat_hash_map<std::string_view, std::list<Entry>::iterator> entries ABSL_GUARDED_BY(mu);
    uint64_t bytes ABSL_GUARDED_BY(mu) = 0;
  };

  Stripe& StripeOf(std::string_view key);

  const uint64_t capacity_;
  std::array<Stripe, kStripes> stripes_;
  // Relaxed: counters, which publish nothing but themselves.
  std::atomic<uint64_t> hits_{0}, misses_{0};
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_QUERY_CACHE_H_
