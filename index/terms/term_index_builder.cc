#include "index/terms/term_index_builder.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "index/terms/posting_block.h"
#include "index/terms/term_image_writer.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// How many terms are written between two looks at the call.
constexpr size_t kTermsPerCheck = 1024;

}  // namespace

struct TermIndexBuilder::State {
  // The postings of a term, coded like a tail of any length: a byte or two each.
  struct List {
    std::string coded;
    uint32_t count = 0;
    uint32_t base = 0;  // the slot of the last one, plus 1

    void Add(uint32_t slot, uint32_t tf) {
      EncodeTailPosting(slot, tf, base, coded);
      ++count;
      base = slot + 1;
    }
  };

  std::string analyser;
  std::vector<uint32_t> lengths;
  absl::flat_hash_map<std::string, List> lists;
  size_t list_bytes = 0;  // of `coded` of all lists

  List& Of(std::string_view term) {
    // A std::string_view is not absl's on every system: the key is made where it is new.
    scratch.assign(term);
    return lists[scratch];
  }
  std::string scratch;
};

TermIndexBuilder::TermIndexBuilder(std::string_view analyser) : state_(std::make_unique<State>()) {
  state_->analyser = analyser;
}
TermIndexBuilder::~TermIndexBuilder() = default;

void TermIndexBuilder::Add(const RowTerms& row) {
  const uint32_t slot = rows();
  state_->lengths.push_back(row.length());
  for (size_t i = 0; i < row.size(); ++i) {
    State::List& list = state_->Of(row.term(i));
    const size_t before = list.coded.size();
    list.Add(slot, row.count(i));
    state_->list_bytes += list.coded.size() - before;
  }
}

void TermIndexBuilder::Add(const GrowingTerms& terms, uint32_t visible, const KeepRow& keep) {
  // slot_of[s]: where row s goes, if it stays.
  constexpr uint32_t kDropped = UINT32_MAX;
  std::vector<uint32_t> slot_of(visible, kDropped);
  for (uint32_t slot = 0; slot < visible; ++slot) {
    if (keep && !keep(slot)) continue;
    slot_of[slot] = rows();
    state_->lengths.push_back(terms.length(slot));
  }
  terms.ForEachTerm(visible,
                    [&](std::string_view term, std::span<const GrowingTerms::Posting> postings) {
                      State::List* list = nullptr;
                      for (const GrowingTerms::Posting& posting : postings) {
                        if (slot_of[posting.slot] == kDropped) continue;
                        if (list == nullptr) list = &state_->Of(term);
                        const size_t before = list->coded.size();
                        list->Add(slot_of[posting.slot], posting.tf);
                        state_->list_bytes += list->coded.size() - before;
                      }
                    });
}

uint32_t TermIndexBuilder::rows() const { return static_cast<uint32_t>(state_->lengths.size()); }

size_t TermIndexBuilder::memory_bytes() const {
  // A list's string is at most twice as long as its content; a slot of the table is at least 7/16
  // full.
  constexpr size_t kEntryBytes = sizeof(std::pair<std::string, State::List>) + 1;
  return state_->lengths.capacity() * sizeof(uint32_t) + state_->lists.capacity() * kEntryBytes +
         2 * state_->list_bytes;
}

absl::StatusOr<std::string> TermIndexBuilder::Build(const Call& call) {
  std::vector<std::pair<std::string_view, const State::List*>> terms;
  terms.reserve(state_->lists.size());
  for (const auto& [term, list] : state_->lists) terms.emplace_back(term, &list);
  std::sort(terms.begin(), terms.end());

  TermImageWriter writer(state_->analyser, std::move(state_->lengths));
  std::vector<uint32_t> slots;
  std::vector<uint32_t> tfs;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i % kTermsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    const auto& [term, list] = terms[i];
    slots.resize(list->count);
    tfs.resize(list->count);
    DecodeTail(reinterpret_cast<const std::byte*>(list->coded.data()), 0, list->count, slots.data(),
               tfs.data());
    writer.Add(term, slots, tfs);
  }
  std::string analyser = std::move(state_->analyser);
  *state_ = State();
  state_->analyser = std::move(analyser);
  return writer.Finish();
}

namespace {

// One source of a merge, at one of its terms.
class MergeCursor {
 public:
  // Appends the lengths of the rows that stay.
  MergeCursor(const TermMergeSource& source, std::vector<uint32_t>& lengths)
      : it_(*source.index), slot_of_(source.index->rows(), kDropped) {
    for (uint32_t slot = 0; slot < slot_of_.size(); ++slot) {
      if (source.keep && !source.keep(slot)) continue;
      slot_of_[slot] = static_cast<uint32_t>(lengths.size());
      lengths.push_back(source.index->length(slot));
    }
    Next();
  }

  bool done() const { return done_; }
  std::string_view term() const { return it_.term(); }
  void Next() { done_ = !it_.Next(); }

  // Appends the postings of the rows that stay.
  void Take(std::vector<uint32_t>& slots, std::vector<uint32_t>& tfs) const {
    const PostingList list = it_.postings();
    std::array<uint32_t, kBlockPostings> block_slots;
    std::array<uint32_t, kBlockPostings> block_tfs;
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.Decode(block, block_slots.data(), block_tfs.data());
      for (uint32_t i = 0; i < list.block_size(block); ++i) {
        const uint32_t slot = slot_of_[block_slots[i]];
        if (slot == kDropped) continue;
        slots.push_back(slot);
        tfs.push_back(block_tfs[i]);
      }
    }
  }

 private:
  static constexpr uint32_t kDropped = UINT32_MAX;

  TermIndex::Iterator it_;
  bool done_ = false;
  std::vector<uint32_t> slot_of_;
};

}  // namespace

absl::StatusOr<std::string> MergeTermIndexes(std::span<const TermMergeSource> sources,
                                             const Call& call) {
  std::vector<uint32_t> lengths;
  std::vector<MergeCursor> cursors;
  cursors.reserve(sources.size());
  for (const TermMergeSource& source : sources) cursors.emplace_back(source, lengths);
  TermImageWriter writer(sources.empty() ? std::string_view() : sources.front().index->analyser(),
                         std::move(lengths));
  std::string term;
  std::vector<uint32_t> slots;
  std::vector<uint32_t> tfs;
  for (size_t written = 0;; ++written) {
    if (written % kTermsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    const MergeCursor* least = nullptr;
    for (const MergeCursor& cursor : cursors) {
      if (!cursor.done() && (least == nullptr || cursor.term() < least->term())) least = &cursor;
    }
    if (least == nullptr) return writer.Finish();
    term = least->term();
    slots.clear();
    tfs.clear();
    for (MergeCursor& cursor : cursors) {
      if (cursor.done() || cursor.term() != term) continue;
      cursor.Take(slots, tfs);
      cursor.Next();
    }
    if (!slots.empty()) writer.Add(term, slots, tfs);
  }
}

}  // namespace kith::index
