// Candidates by code distance, and the scoring of them on exact vectors, in order and no further
// than it is of use. Shared by searches of sealed segments and by the measuring of their recall, so
// that what is measured is what is done. Internal to index/.

#ifndef KITH_INDEX_CODE_HITS_H_
#define KITH_INDEX_CODE_HITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/allowed_slots.h"
#include "index/codes/code_query.h"
#include "index/sealed_parts.h"
#include "index/top_k.h"
#include "kith/base/call.h"
#include "kith/base/status_macros.h"

namespace kith::index {

struct CodeHit {
  float distance;
  uint32_t slot;

  friend bool operator<(const CodeHit& a, const CodeHit& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
  }
};

// The `most` nearest of what is added, into a vector of twice as many at most.
class NearestHits {
 public:
  NearestHits(size_t most, std::vector<CodeHit>& hits) : most_(most), hits_(hits) { hits_.clear(); }

  // What is farther needs not be added.
  float limit() const { return limit_; }
  void Add(const CodeHit& hit) { hits_.push_back(hit); }
  void EndBlock() {
    if (hits_.size() >= 2 * most_) Shrink();
  }
  // Sorts them.
  void Finish() {
    if (hits_.size() > most_) Shrink();
    std::sort(hits_.begin(), hits_.end());
  }

 private:
  void Shrink() {
    const auto last = hits_.begin() + static_cast<ptrdiff_t>(most_);
    std::nth_element(hits_.begin(), last - 1, hits_.end());
    limit_ = (last - 1)->distance;
    hits_.erase(last, hits_.end());
  }

  const size_t most_;
  std::vector<CodeHit>& hits_;
  float limit_ = std::numeric_limits<float>::infinity();
};

// The `most` nearest of all coded rows whose slots `allow(slot)` takes, nearest first, into `hits`.
// Memory: twice `most`.
template <typename Allow>
absl::Status ScanCodes(const CodedRows& rows, const CodeQuery& query, size_t most,
                       const Allow& allow, const Call& call, std::vector<CodeHit>& hits) {
  constexpr uint32_t kBlockRows = 256;
  constexpr uint32_t kBlocksPerCheck = 32;
  const size_t stride = rows.book->row_bytes();
  float distances[kBlockRows];
  NearestHits nearest(most, hits);
  for (uint32_t first = 0; first < rows.rows(); first += kBlockRows) {
    if (first % (kBlockRows * kBlocksPerCheck) == 0) KITH_RETURN_IF_ERROR(call.Check());
    const uint32_t count = std::min(kBlockRows, rows.rows() - first);
    query.Scan(rows.codes + first * stride, stride, count, distances);
    for (uint32_t i = 0; i < count; ++i) {
      if (distances[i] > nearest.limit()) [[likely]]
        continue;
      const uint32_t slot = rows.graph->slot(first + i);
      if (allow(slot)) nearest.Add({distances[i], slot});
    }
    nearest.EndBlock();
  }
  nearest.Finish();
  return absl::OkStatus();
}

// The same of the allowed rows alone, wherever they lie: dearer a row than ScanCodes, and cheaper
// where they are few.
inline absl::Status ScanCodesOf(const CodedRows& rows, const CodeQuery& query, size_t most,
                                const AllowedSlots& allowed, std::span<const uint32_t> node_of_slot,
                                const Call& call, std::vector<CodeHit>& hits) {
  constexpr uint32_t kBlockRows = 256;
  constexpr uint32_t kBlocksPerCheck = 16;
  constexpr uint32_t kAhead = 16;  // rows that are fetched while as many are scored
  const size_t stride = rows.book->row_bytes();
  uint32_t slots[kBlockRows];
  uint32_t nodes[kBlockRows];
  float distances[kBlockRows];
  NearestHits nearest(most, hits);
  uint32_t slot = allowed.Next(0);
  for (uint32_t block = 0;; ++block) {
    if (block % kBlocksPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    uint32_t count = 0;
    for (; count < kBlockRows && slot < rows.rows(); slot = allowed.Next(slot + 1)) {
      slots[count] = slot;
      nodes[count++] = node_of_slot[slot];
    }
    if (count == 0) break;
    for (uint32_t i = 0; i < count; i += kAhead) {
      const uint32_t end = std::min(i + kAhead, count);
      for (uint32_t next = end; next < std::min(end + kAhead, count); ++next) {
        const std::byte* row = rows.codes + nodes[next] * stride;
        for (size_t byte = 0; byte < stride; byte += 64) __builtin_prefetch(row + byte);
      }
      query.Gather(rows.codes, stride, nodes + i, end - i, distances + i);
    }
    for (uint32_t i = 0; i < count; ++i) {
      if (distances[i] <= nearest.limit()) nearest.Add({distances[i], slots[i]});
    }
    nearest.EndBlock();
  }
  nearest.Finish();
  return absl::OkStatus();
}

// Scores candidates, nearest first, into `best`, until a cap, or until the next one is so far that
// hardly any row as good as the k-th best has such a code (CodeQuery::Reach). Everything is
// borrowed.
template <typename Item>
class RescoreInOrder {
 public:
  RescoreInOrder(std::span<const CodeHit> candidates, const CodeQuery& query, TopK<Item>& best)
      : candidates_(candidates), query_(query), best_(best) {}

  // `score(slot, item)` fills in the item, or says why it cannot; score.Prefetch(slot), where it
  // has that, is told of slots that come soon. To be called again with a greater cap.
  template <typename Score>
  absl::Status Advance(size_t cap, const Score& score) {
    const size_t end = std::min(cap, candidates_.size());
    for (; scored_ < end && !done_; ++scored_) {
      if (best_.floor() != floor_) {
        floor_ = best_.floor();
        reach_ = query_.Reach(floor_);
      }
      if (candidates_[scored_].distance > reach_) {
        done_ = true;
        break;
      }
      if constexpr (requires { score.Prefetch(candidates_[scored_].slot); }) {
        if (scored_ + kAhead < end) score.Prefetch(candidates_[scored_ + kAhead].slot);
      }
      Item item;
      KITH_RETURN_IF_ERROR(score(candidates_[scored_].slot, item));
      best_.Push(item);
    }
    return absl::OkStatus();
  }

  size_t scored() const { return scored_; }

 private:
  // A row takes about as long to arrive as two take to be scored.
  static constexpr size_t kAhead = 2;

  const std::span<const CodeHit> candidates_;
  const CodeQuery& query_;
  TopK<Item>& best_;
  size_t scored_ = 0;
  bool done_ = false;
  float floor_ = kLowestScore;
  float reach_ = std::numeric_limits<float>::infinity();
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODE_HITS_H_
