// The k-th least code distance so far bounds what is still of interest, and with it the sketches
// (SketchQuery::Reach). As rows come in any order, the bound is near its last value soon: of n rows
// about log(n) times as many are scored by their codes as lie within the last bound.

#include "index/sketch_scan.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace kith::index {

void SketchScan::Begin(const Rows& rows, const float* vector, const CodeQuery& query, size_t k,
                       const Kernels& kernels) {
  rows_ = rows;
  query_ = &query;
  k_ = k;
  sketch_query_.Prepare(*rows.book, vector, kernels);
  limit_ = std::numeric_limits<float>::infinity();
  best_.clear();
  codes_scored_ = 0;
  id_count_ = 0;
  pending_count_ = 0;
}

void SketchScan::ScanBlock(uint32_t first, const uint64_t* words, NearestHits& nearest) {
  uint32_t allowed = 0;
  for (uint32_t w = 0; w < kWords; ++w) allowed += static_cast<uint32_t>(std::popcount(words[w]));
  if (allowed < kDense) {
    for (uint32_t w = 0; w < kWords; ++w) {
      for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
        const uint32_t slot = first + w * 64 + static_cast<uint32_t>(std::countr_zero(bits));
        __builtin_prefetch(rows_.sketches + size_t{slot} * SketchBook::RowBytes());
        ids_[id_count_++] = slot;
        if (id_count_ == kBlockRows) GatherRows(nearest);
      }
    }
    return;
  }
  const uint32_t count = std::min(kBlockRows, rows_.coded.rows() - first);
  sketch_query_.Scan(rows_.sketches + size_t{first} * SketchBook::RowBytes(), count, distances_);
  std::fill(distances_ + count, distances_ + kBlockRows, std::numeric_limits<float>::infinity());
  for (uint32_t w = 0; w < kWords; ++w) {
    if (words[w] == 0) continue;
    const float* distances = distances_ + w * 64;
    const float limit = limit_;
    for (uint32_t begin = 0; begin < 64; begin += 16) {
      // Hardly ever is one of them near: no branch for each.
      int near = 0;
      for (uint32_t i = begin; i < begin + 16; ++i) near |= distances[i] <= limit ? 1 : 0;
      if (near == 0) continue;
      for (uint32_t i = begin; i < begin + 16; ++i) {
        if (distances[i] <= limit_ && ((words[w] >> i) & 1) != 0) {
          Take(first + w * 64 + i, nearest);
        }
      }
    }
  }
}

void SketchScan::GatherRows(NearestHits& nearest) {
  sketch_query_.Gather(rows_.sketches, ids_, id_count_, distances_);
  for (uint32_t i = 0; i < id_count_; ++i) {
    if (distances_[i] <= limit_) Take(ids_[i], nearest);
  }
  id_count_ = 0;
}

void SketchScan::Take(uint32_t slot, NearestHits& nearest) {
  __builtin_prefetch(rows_.node_of_slot.data() + slot);
  pending_[pending_count_++] = slot;
  if (pending_count_ == kPending) ScorePending(nearest);
}

void SketchScan::ScorePending(NearestHits& nearest) {
  const size_t stride = rows_.coded.book->row_bytes();
  uint32_t nodes[kPending];
  float distances[kPending];
  for (size_t i = 0; i < pending_count_; ++i) {
    nodes[i] = rows_.node_of_slot[pending_[i]];
    const std::byte* row = rows_.coded.codes + nodes[i] * stride;
    for (size_t byte = 0; byte < stride; byte += 64) __builtin_prefetch(row + byte);
  }
  query_->Gather(rows_.coded.codes, stride, nodes, pending_count_, distances);
  codes_scored_ += pending_count_;
  bool nearer = false;
  for (size_t i = 0; i < pending_count_; ++i) {
    if (distances[i] <= nearest.limit()) nearest.Add({distances[i], pending_[i]});
    if (best_.size() == k_) {
      if (distances[i] >= best_.front()) continue;
      std::pop_heap(best_.begin(), best_.end());
      best_.pop_back();
    }
    best_.push_back(distances[i]);
    std::push_heap(best_.begin(), best_.end());
    nearer = true;
  }
  nearest.EndBlock();
  pending_count_ = 0;
  if (nearer && best_.size() == k_) {
    limit_ = sketch_query_.Reach(query_->SquaredReach(best_.front()));
  }
}

}  // namespace kith::index
