// OrderedDocuments: the documents of a View in the order of a field, lazily: the orders of the
// segments, merged.
//
// Not thread-safe. Refers to the View and the matches, which must outlive it.

#ifndef KITH_SERVER_ENGINE_FILTERING_ORDERED_DOCUMENTS_H_
#define KITH_SERVER_ENGINE_FILTERING_ORDERED_DOCUMENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "index/index_view.h"
#include "index/metadata/field_order.h"
#include "index/slot_set.h"
#include "server/engine/filtering/page_cursor.h"
#include "server/engine/filtering/view_matches.h"

namespace kith::engine {

class OrderedDocuments {
 public:
  // From behind `after`, or from the first.
  OrderedDocuments(const index::IndexView& view, const ViewMatches& matches,
                   const std::string& field, bool descending,
                   const std::optional<PageCursor>& after);
  OrderedDocuments(const OrderedDocuments&) = delete;
  OrderedDocuments& operator=(const OrderedDocuments&) = delete;

  // The next document; nullopt: there is none.
  std::optional<PageCursor> Next();

 private:
  struct OfSegment {
    const index::SegmentView* segment;
    std::unique_ptr<index::SlotSet> heads;  // of the matches
    std::unique_ptr<index::FieldOrder> order;
    bool more;
  };

  // Whether a's document comes before b's. REQUIRES: both have one.
  bool Before(const OfSegment& a, const OfSegment& b) const;

  const bool descending_;
  std::vector<OfSegment> segments_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_ORDERED_DOCUMENTS_H_
