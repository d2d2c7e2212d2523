// Fetching what a search found: the documents and passages behind ordinals, as far as the request
// selects them.

#ifndef KITH_SERVER_ENGINE_SEARCHING_FETCH_H_
#define KITH_SERVER_ENGINE_SEARCHING_FETCH_H_

#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kith/store/document.pb.h"
#include "server/engine/hit_cache.h"
#include "server/engine/search.h"
#include "server/engine/searching/ranker.h"
#include "server/engine/shard_identity.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {

// A hit, and what storage says about it.
struct Found {
  std::shared_ptr<const StoredHit> stored;   // of the best passage
  std::vector<Candidate> passages;           // best first
  std::vector<store::PassageRecord> ranked;  // one a passage; none: the best is the only one

  const store::DocumentRecord& record() const { return stored->document; }
  const store::PassageRecord& passage(size_t i) const {
    return ranked.empty() ? stored->passage : ranked[i];
  }
};

class Fetcher {
 public:
  // `reader` reads the View's snapshot. All outlive the fetcher. `distances`: whether scores are
  // those of the metric, which distances can be made of.
  Fetcher(const View& view, const storage::Reader& reader, HitCache* cache,
          const SpaceIdentity& shard, bool distances)
      : view_(view), reader_(reader), cache_(cache), shard_(shard), distances_(distances) {}

  // The documents of the hits, one each: from the cache, and the rest from two batches of reads.
  absl::StatusOr<std::vector<Found>> FindDocuments(std::span<const Candidate> hits) const;

  // Replaces the hit's one passage by the document's best `count`.
  absl::Status AddPassages(Ranker* ranker, size_t count, Found* found) const;

  // What the caller sees of it.
  absl::StatusOr<SearchHit> Fetch(const SearchSelector& select, const Found& found) const;

 private:
  // What the storage rows behind a hit are known by.
  HitCache::Key CacheKey(uint64_t ordinal) const;

  const View& view_;
  const storage::Reader& reader_;
  HitCache* const cache_;
  const SpaceIdentity& shard_;
  const bool distances_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_FETCH_H_
