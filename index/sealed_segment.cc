#include "index/sealed_segment.h"

#include <utility>

#include "index/sealed_parts.h"

namespace kith::index {

SealedSegment::SealedSegment(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SealedSegment::~SealedSegment() = default;

uint32_t SealedSegment::rows() const { return parts_->slots.size(); }
OrdinalRange SealedSegment::range() const { return parts_->range; }
uint64_t SealedSegment::Ordinal(uint32_t slot) const { return parts_->slots.Ordinal(slot); }
uint32_t SealedSegment::PassageIndex(uint32_t slot) const {
  return parts_->slots.PassageIndex(slot);
}
uint32_t SealedSegment::LowerBound(uint64_t ordinal) const {
  return parts_->slots.LowerBound(ordinal);
}
size_t SealedSegment::memory_bytes() const { return parts_->memory_bytes; }
const SegmentPaths& SealedSegment::paths() const { return parts_->paths; }
FileSummary SealedSegment::graph_file() const { return parts_->graph_file; }
FileSummary SealedSegment::rows_file() const { return parts_->rows_file; }
bool SealedSegment::damaged() const { return parts_->damaged.load(std::memory_order_relaxed); }

}  // namespace kith::index
