// ExactRows: the float32 vectors of a sealed segment, mapped from its rows file. A row's bytes are
// believed once the blocks that hold them matched their checksums, which is looked at when a row is
// touched first; the system may drop pages and read them again as it likes. Internal to index/.
//
// Under cosine each vector is led by 1 / |x| in float64, as RowInfo::norm has it, so that scores
// need no pass over the row and are the same as those of a growing segment.
//
// Thread-safe.

#ifndef KITH_INDEX_EXACT_ROWS_H_
#define KITH_INDEX_EXACT_ROWS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/metric.h"
#include "index/segment_file.h"
#include "kith/base/call.h"

namespace kith::index {

struct ExactRow {
  const float* values = nullptr;  // [dimension]; null: a block of the row is damaged
  double norm = 0;                // cosine: 1 / |x|
};

class ExactRows {
 public:
  // What a row takes in the file.
  static constexpr size_t RowBytes(Metric metric, uint32_t dimension) {
    return NormBytes(metric) + dimension * sizeof(float);
  }
  static constexpr size_t NormBytes(Metric metric) {
    return metric == Metric::kCosine ? sizeof(double) : 0;
  }

  // Maps `file`, of kind kRows. DATA_LOSS when its section does not fit its rows;
  // RESOURCE_EXHAUSTED when the system does not map it.
  static absl::StatusOr<std::unique_ptr<ExactRows>> Map(SegmentFile file);
  ~ExactRows();
  ExactRows(const ExactRows&) = delete;
  ExactRows& operator=(const ExactRows&) = delete;

  // REQUIRES: slot < rows. The values stay where they are while this lives.
  ExactRow Row(uint32_t slot) const {
    const size_t begin = slot * row_bytes_;
    if (!Verified(begin / kBlockBytes) || !Verified((begin + row_bytes_ - 1) / kBlockBytes))
        [[unlikely]] {
      if (!Verify(begin)) return {};
    }
    ExactRow row = {reinterpret_cast<const float*>(body_ + begin + norm_bytes_)};
    std::memcpy(&row.norm, body_ + begin, norm_bytes_);
    return row;
  }

  // Asks for the row's bytes before they are needed.
  void Prefetch(uint32_t slot) const {
    const std::byte* row = body_ + slot * row_bytes_;
    for (size_t byte = 0; byte < row_bytes_; byte += 64) __builtin_prefetch(row + byte);
  }

  // Why Row said null: DATA_LOSS (CORRUPTION) with the file and the range of bytes.
  absl::Status DamageOf(uint32_t slot) const;
  // The same for values that no vector has (a checksum that is right over wrong bytes).
  absl::Status SenselessRow(uint32_t slot) const;

  // A damaged block has been met.
  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }

  // Reads all of the file again, from the disk or the system's cache.
  absl::Status VerifyAll(const Call& call) const;

  const SegmentFile& file() const { return file_; }
  size_t memory_bytes() const;

 private:
  explicit ExactRows(SegmentFile file);

  bool Verified(size_t block) const {
    return (verified_[block / 64].load(std::memory_order_relaxed) >> (block % 64)) & 1;
  }
  bool Verify(size_t begin) const;
  absl::Status CheckBlock(size_t block) const;

  // Constant after construction.
  const SegmentFile file_;
  const size_t norm_bytes_;
  const size_t row_bytes_;
  const std::byte* body_ = nullptr;  // mapped

  // A bit a block. Relaxed: the bytes it speaks of never change, so it publishes nothing but
  // itself; two threads may verify the same block.
  mutable std::vector<std::atomic<uint64_t>> verified_;
  mutable std::atomic<bool> damaged_{false};  // relaxed, likewise
};

}  // namespace kith::index

#endif  // KITH_INDEX_EXACT_ROWS_H_
