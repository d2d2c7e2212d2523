// ViewMatches: the rows of a View that a filter lets through: a SlotSet for each segment, deleted
// rows taken out. What searches take as SearchParams::allow, and what listing, counting, facets and
// deleting by filter start from.
//
// Holds the index view. Moved, not copied. Thread-safe: immutable.

#ifndef KITH_SERVER_ENGINE_FILTERING_VIEW_MATCHES_H_
#define KITH_SERVER_ENGINE_FILTERING_VIEW_MATCHES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/metadata/filter.h"
#include "index/slot_set.h"
#include "kith/base/call.h"
#include "server/engine/field_registry.h"

namespace kith::engine {

// What a filter needs to know of a collection's fields. `unindexed`: fields that the schema leaves
// out of the index, ascending. Both must outlive what is returned.
index::FilterFieldLookup FieldLookup(const FieldRegistry& fields,
                                     const std::vector<std::string>& unindexed);

class ViewMatches {
 public:
  // REQUIRES: `filter` came from index::ResolveFilter. CANCELLED or DEADLINE_EXCEEDED once nobody
  // waits any more.
  static absl::StatusOr<ViewMatches> Of(const index::IndexView& view, const index::Filter& filter,
                                        const Call& call);

  ViewMatches(ViewMatches&&) = default;
  ViewMatches& operator=(ViewMatches&&) = default;

  // One a segment of the view, in their order.
  std::span<const index::SlotSet> sets() const { return sets_; }
  // What is in both. REQUIRES: `other` is of the same view.
  ViewMatches And(const ViewMatches& other) const;

  // The same, as SearchParams::allow takes them; null for a segment without any row of it.
  std::span<const index::SlotSet* const> allow() const { return allow_; }

  uint64_t rows() const { return rows_; }
  // Documents that have rows here. O(rows of the view / 64).
  uint64_t CountDocuments() const;

  bool Contains(index::RowPlace row) const { return sets_[row.segment].Contains(row.slot); }

  // The documents by their first ordinals, ascending.
  std::vector<uint64_t> FirstOrdinals() const;

 private:
  ViewMatches(const index::IndexView& view, std::vector<index::SlotSet> sets);

  index::IndexView view_;
  std::vector<index::SlotSet> sets_;
  std::vector<const index::SlotSet*> allow_;
  uint64_t rows_ = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_VIEW_MATCHES_H_
