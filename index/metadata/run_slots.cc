#include "index/metadata/run_slots.h"

#include <algorithm>

namespace kith::index {
namespace {

// How many rows of a contiguous run have slots below `size`.
uint32_t RowsBelow(const MetadataIndex& run, uint32_t size) {
  return size <= run.first_slot() ? 0 : std::min(run.rows(), size - run.first_slot());
}

}  // namespace

void ClearSlots(const MetadataIndex& run, uint32_t size, Bits& slots) {
  if (run.contiguous()) {
    ClearBits(slots, run.first_slot(), run.first_slot() + RowsBelow(run, size));
    return;
  }
  for (uint32_t row = 0; row < run.rows() && run.Slot(row) < size; ++row) {
    ClearBit(slots, run.Slot(row));
  }
}

void PutRows(const MetadataIndex& run, const Bits& rows, uint32_t size, Bits& slots) {
  ClearSlots(run, size, slots);
  if (!run.contiguous()) {
    for (uint32_t row = 0; row < run.rows() && run.Slot(row) < size; ++row) {
      if (HasBit(rows, row)) SetBit(slots, run.Slot(row));
    }
    return;
  }
  const uint32_t count = RowsBelow(run, size);
  const uint32_t shift = run.first_slot() % 64;
  const size_t first = run.first_slot() / 64;
  for (uint32_t w = 0; w < SlotSet::WordsFor(count); ++w) {
    uint64_t word = rows[w];
    if (count - w * 64 < 64) word &= ~uint64_t{0} >> (64 - (count - w * 64));
    slots[first + w] |= word << shift;
    const uint64_t carried = shift == 0 ? 0 : word >> (64 - shift);
    if (carried != 0) slots[first + w + 1] |= carried;
  }
}

Bits TakeRows(const MetadataIndex& run, const Bits& slots, uint32_t size) {
  Bits rows = NoBits(run.rows());
  if (!run.contiguous()) {
    for (uint32_t row = 0; row < run.rows() && run.Slot(row) < size; ++row) {
      if (HasBit(slots, run.Slot(row))) SetBit(rows, row);
    }
    return rows;
  }
  const uint32_t count = RowsBelow(run, size);
  const uint32_t shift = run.first_slot() % 64;
  const size_t first = run.first_slot() / 64;
  for (uint32_t w = 0; w < SlotSet::WordsFor(count); ++w) {
    uint64_t word = slots[first + w] >> shift;
    if (shift != 0 && first + w + 1 < slots.size()) word |= slots[first + w + 1] << (64 - shift);
    if (count - w * 64 < 64) word &= ~uint64_t{0} >> (64 - (count - w * 64));
    rows[w] = word;
  }
  return rows;
}

NewestRows NewestRowsOf(const MetadataRuns& runs, const SlotSet& allowed) {
  NewestRows newest;
  newest.left.assign(allowed.words().begin(), allowed.words().end());
  const std::span<const MetadataRuns::Run> all = runs.runs();
  for (auto run = all.rbegin(); run != all.rend(); ++run) {
    Bits rows = TakeRows(**run, newest.left, allowed.size());
    const uint32_t count = CountBits(rows);
    if (count > 0) newest.runs.push_back({run->get(), std::move(rows), count});
    ClearSlots(**run, allowed.size(), newest.left);
  }
  return newest;
}

}  // namespace kith::index
