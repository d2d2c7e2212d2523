#include "index/metadata/facets.h"

#include <algorithm>
#include <utility>

#include "index/metadata/bits.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/run_slots.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

struct Counts {
  uint64_t documents = 0;
  uint64_t passages = 0;
};

// Of the values of one column, by id.
std::vector<Counts> CountColumn(const MetadataColumn& column, const Bits& rows, const Bits& heads,
                                uint64_t& documents) {
  std::vector<Counts> counts(column.values());
  const auto count = [&](uint32_t row, uint32_t rank) {
    const uint64_t head = HasBit(heads, row) ? 1 : 0;
    documents += head;
    column.ForEachId(rank, [&](uint32_t id) {
      counts[id].documents += head;
      ++counts[id].passages;
    });
  };
  if (column.present().all()) {
    ForEachBit(rows, [&](uint32_t row) { count(row, row); });
  } else {
    column.present().ForEach([&](uint32_t row, uint32_t rank) {
      if (HasBit(rows, row)) count(row, rank);
    });
  }
  return counts;
}

}  // namespace

struct FacetCounter::State {
  std::string field;
  std::vector<FacetCount> counts;  // ascending by value
  uint64_t documents = 0;

  // Both ascend: so does what comes out.
  absl::Status Merge(const MetadataColumn& column, const std::vector<Counts>& more) {
    std::vector<FacetCount> merged;
    merged.reserve(counts.size());
    size_t i = 0;
    for (uint32_t id = 0; id < more.size(); ++id) {
      if (more[id].passages == 0) continue;
      const ValueView value = column.Value(id);
      while (i < counts.size() && CompareValues(ViewOf(counts[i].value), value) < 0) {
        merged.push_back(std::move(counts[i++]));
      }
      if (i < counts.size() && CompareValues(ViewOf(counts[i].value), value) == 0) {
        merged.push_back(std::move(counts[i++]));
      } else {
        merged.push_back({ScalarOf(value)});
      }
      merged.back().documents += more[id].documents;
      merged.back().passages += more[id].passages;
    }
    for (; i < counts.size(); ++i) merged.push_back(std::move(counts[i]));
    counts = std::move(merged);
    if (counts.size() <= kMaxFacetValues) return absl::OkStatus();
    return Error(absl::StatusCode::kResourceExhausted, reason::kLimitOutOfRange,
                 "facets: the field {} has over {} different values", Quoted(field),
                 kMaxFacetValues)
        .With("limit", kMaxFacetValues);
  }
};

FacetCounter::FacetCounter(std::string_view field) : state_(std::make_unique<State>()) {
  state_->field = field;
}
FacetCounter::~FacetCounter() = default;

absl::Status FacetCounter::Add(const MetadataRuns& runs, const SlotSet& allowed, const Call& call) {
  for (const NewestRows::OfRun& of : NewestRowsOf(runs, allowed).runs) {
    Bits heads;  // of the run, once it has the field
    for (const MetadataColumn& column : of.run->Columns(state_->field)) {
      KITH_RETURN_IF_ERROR(call.Check());
      if (heads.empty()) {
        heads = NoBits(of.run->rows());
        of.run->heads().AddTo(heads);
      }
      const std::vector<Counts> counts = CountColumn(column, of.rows, heads, state_->documents);
      KITH_RETURN_IF_ERROR(state_->Merge(column, counts));
    }
  }
  return absl::OkStatus();
}

std::vector<FacetCount> FacetCounter::Top(size_t limit) const {
  std::vector<const FacetCount*> order;
  order.reserve(state_->counts.size());
  for (const FacetCount& count : state_->counts) order.push_back(&count);
  const size_t kept = std::min(limit, order.size());
  // They lie in the order of their values.
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(kept), order.end(),
                    [](const FacetCount* a, const FacetCount* b) {
                      return a->documents != b->documents ? a->documents > b->documents : a < b;
                    });
  std::vector<FacetCount> top;
  top.reserve(kept);
  for (size_t i = 0; i < kept; ++i) top.push_back(*order[i]);
  return top;
}

size_t FacetCounter::values() const { return state_->counts.size(); }
uint64_t FacetCounter::documents() const { return state_->documents; }

}  // namespace kith::index
