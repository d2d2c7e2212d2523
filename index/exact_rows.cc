#include "index/exact_rows.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {

absl::StatusOr<std::unique_ptr<ExactRows>> ExactRows::Map(SegmentFile file) {
  const SegmentHeader& header = file.header();
  const SegmentHeader::Section* section = file.Find(SectionKind::kExactRows);
  const uint64_t expected = uint64_t{header.rows} * RowBytes(header.metric, header.dimension);
  if (section == nullptr || section->offset != 0 || section->size != expected) {
    return FileDamage(
        file.path(), 0, kHeaderBytes,
        fmt::format("{} rows of dimension {} are {} bytes, the section has {}", header.rows,
                    header.dimension, expected, section == nullptr ? 0 : section->size));
  }
  auto rows = std::unique_ptr<ExactRows>(new ExactRows(std::move(file)));
  void* mapped = mmap(nullptr, expected, PROT_READ, MAP_SHARED, rows->file_.fd(), kHeaderBytes);
  if (mapped == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "the system did not map {} bytes of {}: {}", expected, rows->file_.path(),
                 std::strerror(errno));
  }
  rows->body_ = static_cast<const std::byte*>(mapped);
  // Advice: a search wants single rows, not what lies behind them.
  madvise(mapped, expected, MADV_RANDOM);
  return rows;
}

ExactRows::ExactRows(SegmentFile file)
    : file_(std::move(file)),
      norm_bytes_(NormBytes(file_.header().metric)),
      row_bytes_(RowBytes(file_.header().metric, file_.header().dimension)),
      verified_((file_.blocks() + 63) / 64) {}

ExactRows::~ExactRows() {
  if (body_ != nullptr) munmap(const_cast<std::byte*>(body_), file_.body_bytes());
}

// Read, not looked at where it is mapped: a file that was cut short, or a sector that cannot be
// read, is a status here, and the end of the process there.
absl::Status ExactRows::CheckBlock(size_t block) const {
  std::vector<std::byte> bytes(
      std::min<size_t>(kBlockBytes, file_.body_bytes() - block * kBlockBytes));
  return file_.ReadBlock(block, bytes);
}

bool ExactRows::Verify(size_t begin) const {
  const size_t last = (begin + row_bytes_ - 1) / kBlockBytes;
  for (size_t block = begin / kBlockBytes; block <= last; ++block) {
    if (Verified(block)) continue;
    if (!CheckBlock(block).ok()) {
      damaged_.store(true, std::memory_order_relaxed);
      return false;
    }
    verified_[block / 64].fetch_or(uint64_t{1} << (block % 64), std::memory_order_relaxed);
  }
  return true;
}

absl::Status ExactRows::DamageOf(uint32_t slot) const {
  const size_t begin = slot * row_bytes_;
  for (size_t block = begin / kBlockBytes; block <= (begin + row_bytes_ - 1) / kBlockBytes;
       ++block) {
    if (!Verified(block)) KITH_RETURN_IF_ERROR(CheckBlock(block));
  }
  // Damaged a moment ago, and read right now: still no disk to trust.
  return FileDamage(file_.path(), kHeaderBytes + begin, kHeaderBytes + begin + row_bytes_,
                    "the block's checksum was wrong");
}

absl::Status ExactRows::SenselessRow(uint32_t slot) const {
  damaged_.store(true, std::memory_order_relaxed);
  const size_t begin = kHeaderBytes + slot * row_bytes_;
  return FileDamage(file_.path(), begin, begin + row_bytes_,
                    fmt::format("the vector of slot {} has no score", slot));
}

absl::Status ExactRows::VerifyAll(const Call& call) const {
  const absl::Status status = file_.ReadBody({}, call);
  if (status.code() == absl::StatusCode::kDataLoss) {
    damaged_.store(true, std::memory_order_relaxed);
  }
  return status;
}

size_t ExactRows::memory_bytes() const {
  return file_.memory_bytes() + verified_.size() * sizeof(verified_[0]);
}

}  // namespace kith::index
