#include "index/metadata/metadata_runs.h"

#include <algorithm>
#include <utility>

#include "index/metadata/fold_metadata.h"
#include "index/metadata/run_slots.h"
#include "kith/base/check.h"

namespace kith::index {
namespace {

// What is larger is not built again for the next rows that come.
constexpr size_t kMergedBytesMax = size_t{8} << 20;

bool WorthMerging(const MetadataIndex& older, const MetadataIndex& newer) {
  return older.rows() / 2 <= newer.rows() &&
         older.image().size() + newer.image().size() <= kMergedBytesMax;
}

}  // namespace

MetadataRuns::MetadataRuns(Run base) {
  KITH_CHECK(base != nullptr && base->contiguous() && base->first_slot() == 0,
             "a base covers all slots of its segment");
  auto state = std::make_shared<State>();
  state->has_base = true;
  state->runs.push_back(std::move(base));
  state_ = std::move(state);
}

MetadataRuns MetadataRuns::With(Run run) const {
  KITH_CHECK(run != nullptr, "a run that was built");
  auto state = state_ == nullptr ? std::make_shared<State>() : std::make_shared<State>(*state_);
  std::vector<Run>& runs = state->runs;
  while (runs.size() > (state->has_base ? 1 : 0) && WorthMerging(*runs.back(), *run)) {
    run = MergeRuns(*runs.back(), *run);
    runs.pop_back();
  }
  runs.push_back(std::move(run));
  MetadataRuns next;
  next.state_ = std::move(state);
  return next;
}

std::span<const MetadataRuns::Run> MetadataRuns::runs() const {
  if (state_ == nullptr) return {};
  return state_->runs;
}

uint64_t MetadataRuns::overlay_rows() const {
  uint64_t rows = 0;
  for (const Run& run : overlay()) rows += run->rows();
  return rows;
}

std::optional<MetadataRuns::Place> MetadataRuns::Find(uint32_t slot) const {
  const std::span<const Run> all = runs();
  for (auto run = all.rbegin(); run != all.rend(); ++run) {
    if (const std::optional<uint32_t> row = (*run)->RowOf(slot)) return Place{run->get(), *row};
  }
  return std::nullopt;
}

MetadataRow MetadataRuns::Row(uint32_t slot) const {
  const std::optional<Place> place = Find(slot);
  return place.has_value() ? place->run->Row(place->row) : MetadataRow();
}

uint64_t MetadataRuns::StampOf(uint32_t slot) const {
  const std::optional<Place> place = Find(slot);
  return place.has_value() ? place->run->stamp() : 0;
}

SlotSet MetadataRuns::Heads(uint32_t visible) const {
  Bits heads = NoBits(visible);
  for (const Run& run : runs()) {
    Bits rows = NoBits(run->rows());
    run->heads().AddTo(rows);
    PutRows(*run, rows, visible, heads);
  }
  return {visible, std::move(heads)};
}

size_t MetadataRuns::memory_bytes() const {
  size_t bytes = 0;
  for (const Run& run : runs()) bytes += run->memory_bytes();
  return bytes;
}

}  // namespace kith::index
