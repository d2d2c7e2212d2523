#include "server/engine/filtering/ordered_documents.h"

#include <utility>

namespace kith::engine {
namespace {

// The matches that are their document's first passage.
std::unique_ptr<index::SlotSet> HeadsOf(const index::SegmentView& segment,
                                        const index::SlotSet& matches) {
  const index::SlotSet heads = segment.metadata.Heads(segment.visible);
  std::vector<uint64_t> words(matches.words().begin(), matches.words().end());
  for (size_t w = 0; w < words.size(); ++w) words[w] &= heads.words()[w];
  return std::make_unique<index::SlotSet>(segment.visible, std::move(words));
}

}  // namespace

OrderedDocuments::OrderedDocuments(const index::IndexView& view, const ViewMatches& matches,
                                   const std::string& field, bool descending,
                                   const std::optional<PageCursor>& after)
    : descending_(descending) {
  for (size_t s = 0; s < view.segments().size(); ++s) {
    const index::SegmentView& segment = view.segments()[s];
    if (matches.sets()[s].empty()) continue;
    index::FieldOrder::Options options{.descending = descending, .after = {}};
    if (after.has_value()) {
      options.after = {after->value, segment.LowerBound(after->first_ordinal + 1)};
    }
    auto heads = HeadsOf(segment, matches.sets()[s]);
    auto order = std::make_unique<index::FieldOrder>(segment.metadata, field, options, *heads);
    const bool more = order->Next();
    segments_.push_back({&segment, std::move(heads), std::move(order), more});
  }
}

bool OrderedDocuments::Before(const OfSegment& a, const OfSegment& b) const {
  const auto value_a = a.order->value(), value_b = b.order->value();
  if (value_a.has_value() != value_b.has_value()) return value_a.has_value();
  if (value_a.has_value()) {
    const auto order = index::CompareValues(*value_a, *value_b);
    if (order != 0) return descending_ ? order > 0 : order < 0;
  }
  // The segments stand in the order of their ordinals.
  return &a < &b;
}

std::optional<PageCursor> OrderedDocuments::Next() {
  OfSegment* first = nullptr;
  for (OfSegment& of : segments_) {
    if (of.more && (first == nullptr || Before(of, *first))) first = &of;
  }
  if (first == nullptr) return std::nullopt;
  PageCursor cursor{.value = {}, .first_ordinal = first->segment->Ordinal(first->order->slot())};
  if (const auto value = first->order->value()) cursor.value = index::ScalarOf(*value);
  first->more = first->order->Next();
  return cursor;
}

}  // namespace kith::engine
