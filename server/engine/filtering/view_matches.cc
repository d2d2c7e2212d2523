#include "server/engine/filtering/view_matches.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "index/metadata/evaluate.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

// Calls visit(w, word) for each word of the set, with its documents' first rows alone.
template <typename Visit>
void ForEachHeadWord(const index::SegmentView& segment, const index::SlotSet& set,
                     const Visit& visit) {
  const index::SlotSet heads = segment.metadata.Heads(segment.visible);
  for (size_t w = 0; w < set.words().size(); ++w) visit(w, set.words()[w] & heads.words()[w]);
}

}  // namespace

index::FilterFieldLookup FieldLookup(const FieldRegistry& fields,
                                     const std::vector<std::string>& unindexed) {
  return [&fields, &unindexed](std::string_view name) {
    index::FilterField field;
    const auto type = fields.types().find(std::string(name));
    if (type != fields.types().end()) field.type = type->second;
    field.indexed = !std::binary_search(unindexed.begin(), unindexed.end(), name);
    return field;
  };
}

absl::StatusOr<ViewMatches> ViewMatches::Of(const index::IndexView& view,
                                            const index::Filter& filter, const Call& call) {
  std::vector<index::SlotSet> sets;
  sets.reserve(view.segments().size());
  for (const index::SegmentView& segment : view.segments()) {
    KITH_ASSIGN_OR_RETURN(index::SlotSet set,
                          index::Evaluate(filter, segment.metadata, segment.visible, call));
    if (!segment.deleted.empty() && !set.empty()) set = set.AndNot(segment.deleted);
    sets.push_back(std::move(set));
  }
  return ViewMatches(view, std::move(sets));
}

ViewMatches::ViewMatches(const index::IndexView& view, std::vector<index::SlotSet> sets)
    : view_(view), sets_(std::move(sets)) {
  // The sets' places do not change any more, nor when the vector is moved.
  for (const index::SlotSet& set : sets_) {
    rows_ += set.count();
    allow_.push_back(set.empty() ? nullptr : &set);
  }
}

ViewMatches ViewMatches::And(const ViewMatches& other) const {
  std::vector<index::SlotSet> both;
  both.reserve(sets_.size());
  for (size_t i = 0; i < sets_.size(); ++i) {
    std::vector<uint64_t> words(sets_[i].words().begin(), sets_[i].words().end());
    for (size_t w = 0; w < words.size(); ++w) words[w] &= other.sets_[i].words()[w];
    both.emplace_back(sets_[i].size(), std::move(words));
  }
  return {view_, std::move(both)};
}

uint64_t ViewMatches::CountDocuments() const {
  uint64_t documents = 0;
  for (size_t s = 0; s < sets_.size(); ++s) {
    if (sets_[s].empty()) continue;
    ForEachHeadWord(view_.segments()[s], sets_[s], [&](size_t, uint64_t word) {
      documents += static_cast<uint64_t>(std::popcount(word));
    });
  }
  return documents;
}

std::vector<uint64_t> ViewMatches::FirstOrdinals() const {
  std::vector<uint64_t> ordinals;
  for (size_t s = 0; s < sets_.size(); ++s) {
    if (sets_[s].empty()) continue;
    const index::SegmentView& segment = view_.segments()[s];
    ForEachHeadWord(segment, sets_[s], [&](size_t w, uint64_t word) {
      for (; word != 0; word &= word - 1) {
        const auto slot =
            static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(word));
        ordinals.push_back(segment.Ordinal(slot));
      }
    });
  }
  return ordinals;
}

}  // namespace kith::engine
