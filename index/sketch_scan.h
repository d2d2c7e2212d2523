// SketchScan: the rows of a sealed segment that a filter lets through, nearest first by code: their
// sketches are scanned, and the codes of those alone that may be among the k nearest are scored.
// For filters that let through more rows than one would want to fetch the codes of, wherever in the
// segment they lie. Internal to index/; holds the scratch of a thread.

#ifndef KITH_INDEX_SKETCH_SCAN_H_
#define KITH_INDEX_SKETCH_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/code_hits.h"
#include "index/codes/code_query.h"
#include "index/codes/sketch_book.h"
#include "index/sealed_parts.h"
#include "kith/base/call.h"

namespace kith::index {

class SketchScan {
 public:
  struct Rows {
    CodedRows coded;
    std::span<const uint32_t> node_of_slot;
    const SketchBook* book = nullptr;
    const std::byte* sketches = nullptr;  // slot s at sketches + s * SketchBook::RowBytes()
  };

  // Which slots: bit s % 64 of Word(s / 64).
  struct AllSlots {
    uint32_t rows;
    uint64_t Word(uint32_t w) const {
      const uint32_t left = rows - w * 64;
      return left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    }
  };

  // The `most` nearest of those scored by code into `hits`, nearest first: hardly any of the k
  // nearest rows is left out. `vector` is the query that `query` was made of. REQUIRES: k >= 1.
  template <typename Slots>
  absl::Status Run(const Rows& rows, const float* vector, const CodeQuery& query, size_t k,
                   size_t most, const Slots& slots, const Kernels& kernels, const Call& call,
                   std::vector<CodeHit>& hits);

  uint64_t codes_scored() const { return codes_scored_; }  // of the last Run

 private:
  static constexpr uint32_t kWords = 4;
  static constexpr uint32_t kBlockRows = kWords * 64;
  static constexpr uint32_t kBlocksPerCheck = 64;
  // Where at least so many rows of a block are allowed, all of it is scanned.
  static constexpr uint32_t kDense = kBlockRows / 4;
  static constexpr size_t kPending = 64;

  void Begin(const Rows& rows, const float* vector, const CodeQuery& query, size_t k,
             const Kernels& kernels);
  void ScanBlock(uint32_t first, const uint64_t* words, NearestHits& nearest);
  void GatherRows(NearestHits& nearest);
  void Take(uint32_t slot, NearestHits& nearest);
  void ScorePending(NearestHits& nearest);

  Rows rows_;
  const CodeQuery* query_ = nullptr;
  size_t k_ = 1;
  SketchQuery sketch_query_;
  float limit_ = 0;          // sketches that are farther are passed over
  std::vector<float> best_;  // a heap of the k least code distances, the greatest first
  uint64_t codes_scored_ = 0;
  uint32_t ids_[kBlockRows];  // allowed rows of blocks that are not dense
  uint32_t id_count_ = 0;
  uint32_t pending_[kPending];  // slots whose codes are to be scored
  size_t pending_count_ = 0;
  float distances_[kBlockRows];
};

template <typename Slots>
absl::Status SketchScan::Run(const Rows& rows, const float* vector, const CodeQuery& query,
                             size_t k, size_t most, const Slots& slots, const Kernels& kernels,
                             const Call& call, std::vector<CodeHit>& hits) {
  Begin(rows, vector, query, k, kernels);
  NearestHits nearest(most, hits);
  const uint32_t count = rows.coded.rows();
  uint64_t words[kWords];
  for (uint32_t first = 0; first < count; first += kBlockRows) {
    if (first % (kBlockRows * kBlocksPerCheck) == 0) KITH_RETURN_IF_ERROR(call.Check());
    for (uint32_t w = 0; w < kWords; ++w) {
      words[w] = first + w * 64 < count ? slots.Word(first / 64 + w) : 0;
    }
    ScanBlock(first, words, nearest);
  }
  GatherRows(nearest);
  ScorePending(nearest);
  nearest.Finish();
  return absl::OkStatus();
}

}  // namespace kith::index

#endif  // KITH_INDEX_SKETCH_SCAN_H_
