#include "index/terms/term_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "index/terms/posting_block.h"
#include "index/terms/term_match_source.h"
#include "index/terms/term_scorer.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// Slots a window: its sums and marks stay in the first-level cache.
constexpr uint32_t kWindow = 2048;

// Lists of up to so many postings are scored before the windows are looked at: their bounds are
// then exact.
constexpr uint32_t kFlatPostings = 4096;

// Lists with so many blocks a window are bounded by groups of blocks: the rest costs more than it
// saves.
constexpr uint32_t kBlocksPerWindow = 4;

constexpr uint32_t kWindowsPerCheck = 64;

constexpr uint32_t kAbsent = UINT32_MAX;

// One term in one source.
struct Lane {
  const PostingList* list = nullptr;  // null: flat
  double weight = 0;
  uint32_t flat_begin = 0;  // its postings in Buffers::flat_slots and flat_gains
  uint32_t flat_end = 0;
  size_t windows = 0;  // its windows in Buffers::bounds and starts
};

struct Candidate {
  uint32_t slot;
  double sum;
};

struct WindowBound {
  double bound;
  uint32_t window;

  // Of a heap with the best in front; equal ones in ascending order.
  friend bool operator<(const WindowBound& a, const WindowBound& b) {
    return a.bound != b.bound ? a.bound < b.bound : a.window > b.window;
  }
};

// The k best hits.
class BestHits : public TermCollector {
 public:
  explicit BestHits(uint32_t k) : k_(k) {}

  void Collect(const TermHit& hit) override {
    if (hits_.size() == k_) {
      std::pop_heap(hits_.begin(), hits_.end(), Better);
      hits_.back() = hit;
    } else {
      hits_.push_back(hit);
    }
    std::push_heap(hits_.begin(), hits_.end(), Better);
  }

  TermHit bar() const override { return hits_.size() < k_ ? kNoBar : hits_.front(); }

  std::vector<TermHit> Take() {
    std::sort_heap(hits_.begin(), hits_.end(), Better);
    return std::move(hits_);
  }

 private:
  static constexpr TermHit kNoBar = {UINT32_MAX, UINT32_MAX,
                                     -std::numeric_limits<float>::infinity()};

  const uint32_t k_;
  std::vector<TermHit> hits_;  // the worst in front
};

// Where the first of kBlockPostings ascending numbers is that is not below `slot`; kBlockPostings -
// 1 if none is. Without branches, which nobody could predict.
uint32_t LowerBound(const uint32_t* slots, uint32_t slot) {
  uint32_t at = 0;
  for (uint32_t step = kBlockPostings / 2; step > 0; step /= 2) {
    at += step & (uint32_t{0} - static_cast<uint32_t>(slots[at + step - 1] < slot));
  }
  return at;
}

// The least sum that may round to a score above `score`, or to `score` itself where ties count.
double LeastSum(float score, bool ties_count) {
  if (std::isinf(score)) return score;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float other = std::nextafter(score, ties_count ? -kInfinity : kInfinity);
  return (static_cast<double>(score) + static_cast<double>(other)) / 2;
}

}  // namespace

struct TermSearchScratch::Buffers {
  TermScorer scorer;
  std::vector<Lane> lanes;
  // Flat lanes, end to end.
  std::vector<uint32_t> flat_slots;
  std::vector<double> flat_gains;
  // [lane][window]: what the lane gives a row of it at most; where to begin to read it for it, in
  // postings or blocks, or kAbsent.
  std::vector<double> bounds;
  std::vector<uint32_t> starts;
  std::vector<WindowBound> order;
  // Of one window.
  std::vector<uint32_t> active;                 // lanes, ascending by bound
  std::vector<double> bounds_below;             // [i]: the sum of the bounds of active[0..i)
  std::array<double, kWindow> sums = {};        // zero outside a window
  std::array<uint64_t, kWindow / 64> met = {};  // which sums were added to
  std::vector<Candidate> candidates;
};

TermSearchScratch::TermSearchScratch() : buffers_(std::make_unique<Buffers>()) {}
TermSearchScratch::~TermSearchScratch() = default;
TermSearchScratch::TermSearchScratch(TermSearchScratch&&) noexcept = default;
TermSearchScratch& TermSearchScratch::operator=(TermSearchScratch&&) noexcept = default;

namespace {

// The search in one source.
class SourceSearch {
 public:
  SourceSearch(const TermMatch::Source& source, uint32_t number, bool prune,
               TermSearchScratch::Buffers& buffers, TermCollector& collector,
               TermSearchResult& result)
      : source_(source),
        number_(number),
        prune_(prune),
        windows_((source.rows + kWindow - 1) / kWindow),
        b_(buffers),
        collector_(collector),
        result_(result) {}

  absl::Status Run(const Call& call) {
    Prepare();
    result_.windows += windows_;
    for (uint32_t done = 0; !b_.order.empty(); ++done) {
      if (done % kWindowsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
      if (prune_) std::pop_heap(b_.order.begin(), b_.order.end());
      const WindowBound best = b_.order.back();
      b_.order.pop_back();
      window_ = best.window;
      begin_ = window_ * kWindow;
      end_ = std::min(source_.rows, begin_ + kWindow);
      SetLeast();
      // All others are no better; ties with the bar may still be wanted.
      if (prune_ && best.bound < LeastSum(collector_.bar().score, true)) break;
      if (!prune_ || best.bound >= least_) ReadWindow();
    }
    return absl::OkStatus();
  }

 private:
  // --- Before the windows: lanes and bounds.

  void Prepare() {
    b_.lanes.clear();
    b_.flat_slots.clear();
    b_.flat_gains.clear();
    b_.bounds.assign(source_.lists.size() * windows_, 0);
    b_.starts.assign(source_.lists.size() * windows_, kAbsent);
    for (const TermMatch::Source::List& list : source_.lists) {
      Lane lane;
      lane.weight = b_.scorer.weight(list.term);
      lane.windows = b_.lanes.size() * windows_;
      result_.postings += list.count();
      if (!list.growing.empty()) {
        AddFlatGrowing(list, lane);
      } else if (list.count() < kBlockPostings || (prune_ && list.count() <= kFlatPostings)) {
        AddFlatSealed(list, lane);
      } else {
        lane.list = &list.sealed;
        BoundByBlocks(lane);
      }
      b_.lanes.push_back(lane);
    }
    b_.order.clear();
    for (uint32_t window = windows_; window-- > 0;) {
      double bound = 0;
      bool present = false;
      for (const Lane& lane : b_.lanes) {
        bound += b_.bounds[lane.windows + window];
        present |= b_.starts[lane.windows + window] != kAbsent;
      }
      if (present) b_.order.push_back({bound, window});
    }
    // Otherwise they are taken from the back: in ascending order.
    if (prune_) std::make_heap(b_.order.begin(), b_.order.end());
  }

  void AddFlatGrowing(const TermMatch::Source::List& list, Lane& lane) {
    std::array<uint32_t, kBlockPostings> slots;
    std::array<uint32_t, kBlockPostings> tfs;
    lane.flat_begin = static_cast<uint32_t>(b_.flat_slots.size());
    for (size_t i = 0; i < list.growing.size(); i += kBlockPostings) {
      const size_t count = std::min<size_t>(kBlockPostings, list.growing.size() - i);
      for (size_t j = 0; j < count; ++j) {
        slots[j] = list.growing[i + j].slot;
        tfs[j] = list.growing[i + j].tf;
      }
      AddFlat(lane, slots.data(), tfs.data(), count);
    }
    FinishFlat(lane);
  }

  void AddFlatSealed(const TermMatch::Source::List& list, Lane& lane) {
    std::array<uint32_t, kBlockPostings> slots;
    std::array<uint32_t, kBlockPostings> tfs;
    lane.flat_begin = static_cast<uint32_t>(b_.flat_slots.size());
    for (uint32_t block = 0; block < list.sealed.blocks(); ++block) {
      list.sealed.Decode(block, slots.data(), tfs.data());
      AddFlat(lane, slots.data(), tfs.data(), list.sealed.block_size(block));
    }
    FinishFlat(lane);
  }

  void AddFlat(const Lane& lane, const uint32_t* slots, const uint32_t* tfs, size_t count) {
    const size_t at = b_.flat_slots.size();
    b_.flat_slots.insert(b_.flat_slots.end(), slots, slots + count);
    b_.flat_gains.resize(at + count);
    Score(lane.weight, slots, tfs, count, b_.flat_gains.data() + at);
  }

  void FinishFlat(Lane& lane) {
    lane.flat_end = static_cast<uint32_t>(b_.flat_slots.size());
    for (uint32_t i = lane.flat_begin; i < lane.flat_end; ++i) {
      const size_t window = lane.windows + b_.flat_slots[i] / kWindow;
      if (b_.starts[window] == kAbsent) b_.starts[window] = i;
      b_.bounds[window] = std::max(b_.bounds[window], b_.flat_gains[i]);
    }
  }

  void BoundByBlocks(const Lane& lane) {
    const PostingList& list = *lane.list;
    const bool groups = list.blocks() > uint64_t{kBlocksPerWindow} * windows_;
    const uint32_t step = groups ? PostingList::kGroupBlocks : 1;
    uint32_t first = 0;  // the least slot that the blocks may hold
    for (uint32_t block = 0; block < list.blocks(); block += step) {
      const uint32_t last = list.last_slot(std::min(block + step, list.blocks()) - 1);
      const std::byte* impacts =
          groups ? list.group_impacts(block / PostingList::kGroupBlocks) : list.impacts(block);
      const double bound = prune_ ? b_.scorer.Bound(lane.weight, impacts) : lane.weight;
      for (uint32_t window = first / kWindow; window <= last / kWindow; ++window) {
        const size_t at = lane.windows + window;
        if (b_.starts[at] == kAbsent) b_.starts[at] = block;
        b_.bounds[at] = std::max(b_.bounds[at], bound);
      }
      first = last + 1;
    }
  }

  // --- In one window.

  void SetLeast() {
    const TermHit bar = collector_.bar();
    const bool after = number_ != bar.source ? number_ > bar.source : begin_ > bar.slot;
    least_ = LeastSum(bar.score, !after);
  }

  void ReadWindow() {
    ++result_.windows_read;
    b_.active.clear();
    for (uint32_t i = 0; i < b_.lanes.size(); ++i) {
      if (b_.starts[b_.lanes[i].windows + window_] != kAbsent) b_.active.push_back(i);
    }
    const auto bound_of = [this](uint32_t lane) {
      return b_.bounds[b_.lanes[lane].windows + window_];
    };
    std::sort(b_.active.begin(), b_.active.end(),
              [&](uint32_t x, uint32_t y) { return bound_of(x) < bound_of(y); });
    b_.bounds_below.assign(1, 0);
    for (const uint32_t lane : b_.active) {
      b_.bounds_below.push_back(b_.bounds_below.back() + bound_of(lane));
    }
    // The lanes below `essential` cannot lift a row over the bar without one of the others.
    size_t essential = 0;
    while (prune_ && essential < b_.active.size() && b_.bounds_below[essential + 1] < least_) {
      ++essential;
    }
    if (essential == b_.active.size()) return;
    rest_ = b_.bounds_below[essential];
    b_.candidates.clear();
    if (essential + 1 == b_.active.size()) {
      ReadLane(b_.lanes[b_.active[essential]], [this](uint32_t slot, double gain) {
        if (gain + rest_ >= least_) AddCandidate(slot, gain);
      });
    } else {
      SumLanes(essential);
    }
    for (size_t i = essential; i-- > 0 && !b_.candidates.empty();) {
      AddFrom(b_.lanes[b_.active[i]], b_.bounds_below[i + 1]);
    }
    CollectCandidates();
  }

  void SumLanes(size_t essential) {
    for (size_t i = essential; i < b_.active.size(); ++i) {
      ReadLane(b_.lanes[b_.active[i]], [this](uint32_t slot, double gain) {
        const uint32_t at = slot - begin_;
        b_.sums[at] += gain;
        b_.met[at / 64] |= uint64_t{1} << at % 64;
      });
    }
    for (uint32_t word = 0; word < kWindow / 64; ++word) {
      for (uint64_t bits = std::exchange(b_.met[word], 0); bits != 0; bits &= bits - 1) {
        const uint32_t at = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
        const double sum = std::exchange(b_.sums[at], 0);
        if (sum + rest_ >= least_) AddCandidate(begin_ + at, sum);
      }
    }
  }

  void AddCandidate(uint32_t slot, double sum) {
    if (source_.of.allows && !source_.of.allows(slot)) return;
    b_.candidates.push_back({slot, sum});
  }

  // Calls add(slot, gain) for the lane's postings in the window.
  template <typename Add>
  void ReadLane(const Lane& lane, const Add& add) {
    const uint32_t start = b_.starts[lane.windows + window_];
    if (lane.list == nullptr) {
      for (uint32_t i = start; i < lane.flat_end && b_.flat_slots[i] < end_; ++i) {
        add(b_.flat_slots[i], b_.flat_gains[i]);
        ++result_.postings_scored;
      }
      return;
    }
    const PostingList& list = *lane.list;
    std::array<uint32_t, kBlockPostings> slots;
    std::array<uint32_t, kBlockPostings> tfs;
    std::array<double, kBlockPostings> gains;
    for (uint32_t block = list.BlockOf(begin_, start); block < list.blocks(); ++block) {
      if (block > 0 && list.last_slot(block - 1) + 1 >= end_) return;
      list.Decode(block, slots.data(), tfs.data());
      uint32_t from = 0;
      uint32_t to = list.block_size(block);
      if (slots[0] < begin_) {
        from = static_cast<uint32_t>(std::lower_bound(slots.data(), slots.data() + to, begin_) -
                                     slots.data());
      }
      if (slots[to - 1] >= end_) {
        to = static_cast<uint32_t>(std::lower_bound(slots.data() + from, slots.data() + to, end_) -
                                   slots.data());
      }
      Score(lane.weight, slots.data() + from, tfs.data() + from, to - from, gains.data() + from);
      for (uint32_t i = from; i < to; ++i) add(slots[i], gains[i]);
      result_.postings_scored += to - from;
    }
  }

  void Score(double weight, const uint32_t* slots, const uint32_t* tfs, size_t count,
             double* gains) {
    std::array<double, kBlockPostings> inverse_norms;
    if (source_.of.sealed != nullptr) {
      const TermIndex& index = *source_.of.sealed;
      for (size_t i = 0; i < count; ++i) {
        inverse_norms[i] = b_.scorer.InverseNorm(index.length(slots[i]));
      }
    } else {
      for (size_t i = 0; i < count; ++i) {
        inverse_norms[i] = b_.scorer.InverseNorm(source_.of.growing->length(slots[i]));
      }
    }
    b_.scorer.Gains(weight, tfs, inverse_norms.data(), count, gains);
  }

  // Adds what the lane gives to the candidates, after dropping those that `rest`, what it and the
  // lanes after it give at most, does not lift over the bar.
  void AddFrom(const Lane& lane, double rest) {
    size_t kept = 0;
    for (const Candidate candidate : b_.candidates) {
      b_.candidates[kept] = candidate;
      kept += candidate.sum + rest >= least_ ? 1 : 0;
    }
    b_.candidates.resize(kept);
    result_.postings_looked_up += kept;
    const uint32_t start = b_.starts[lane.windows + window_];
    if (lane.list == nullptr) {
      const uint32_t* at = b_.flat_slots.data() + start;
      const uint32_t* const end = b_.flat_slots.data() + lane.flat_end;
      for (Candidate& candidate : b_.candidates) {
        while (at < end && *at < candidate.slot) ++at;
        if (at == end) return;
        if (*at == candidate.slot) candidate.sum += b_.flat_gains[at - b_.flat_slots.data()];
      }
      return;
    }
    const PostingList& list = *lane.list;
    std::array<uint32_t, kBlockPostings> slots;
    uint32_t block = start;
    uint32_t decoded = kAbsent;
    for (Candidate& candidate : b_.candidates) {
      block = list.BlockOf(candidate.slot, block);
      if (block == list.blocks()) return;
      if (block != decoded) {
        list.Decode(block, slots.data(), nullptr);
        std::fill(slots.data() + list.block_size(block), slots.data() + kBlockPostings, kAbsent);
        decoded = block;
      }
      const uint32_t at = LowerBound(slots.data(), candidate.slot);
      if (slots[at] != candidate.slot) continue;
      candidate.sum += b_.scorer.Gain(lane.weight, list.Tf(block, at),
                                      b_.scorer.InverseNorm(source_.Length(candidate.slot)));
    }
  }

  void CollectCandidates() {
    for (const Candidate& candidate : b_.candidates) {
      if (candidate.sum < least_) continue;
      const TermHit hit = {number_, candidate.slot, static_cast<float>(candidate.sum)};
      if (!Better(hit, collector_.bar())) continue;
      collector_.Collect(hit);
    }
  }

  const TermMatch::Source& source_;
  const uint32_t number_;
  const bool prune_;
  const uint32_t windows_;
  TermSearchScratch::Buffers& b_;
  TermCollector& collector_;
  TermSearchResult& result_;

  // Of the window at hand.
  uint32_t window_ = 0;
  uint32_t begin_ = 0;  // slots [begin_, end_)
  uint32_t end_ = 0;
  double least_ = 0;  // the least sum that is still wanted
  double rest_ = 0;   // what the lanes that are not essential give at most
};

}  // namespace

absl::StatusOr<TermSearchResult> SearchTerms(const TermMatch& match, const CorpusStatistics& corpus,
                                             const TermSearchParams& params, const Call& call,
                                             TermSearchScratch& scratch) {
  KITH_CHECK(params.k >= 1, "checked with the request");
  BestHits best(params.k);
  KITH_ASSIGN_OR_RETURN(TermSearchResult result,
                        SearchTerms(match, corpus, params, call, scratch, best));
  result.hits = best.Take();
  return result;
}

absl::StatusOr<TermSearchResult> SearchTerms(const TermMatch& match, const CorpusStatistics& corpus,
                                             const TermSearchParams& params, const Call& call,
                                             TermSearchScratch& scratch, TermCollector& collector) {
  KITH_CHECK(corpus.term_rows.size() == match.statistics().term_rows.size(),
             "statistics of the same query");
  TermSearchScratch::Buffers& buffers = scratch.buffers();
  buffers.scorer.Set(corpus, params.bm25);
  // The largest first: the bar is high when the others come.
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < match.sources().size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t x, uint32_t y) {
    return match.sources()[x].rows > match.sources()[y].rows;
  });
  TermSearchResult result;
  for (const uint32_t number : order) {
    const TermMatch::Source& source = match.sources()[number];
    KITH_RETURN_IF_ERROR(
        SourceSearch(source, number, params.prune, buffers, collector, result).Run(call));
  }
  return result;
}

std::vector<float> ScoreTerms(const TermMatch& match, const CorpusStatistics& corpus,
                              const Bm25Params& bm25, uint32_t source_number,
                              std::span<const uint32_t> slots) {
  const TermMatch::Source& source = match.sources()[source_number];
  TermScorer scorer;
  scorer.Set(corpus, bm25);
  std::vector<float> scores;
  scores.reserve(slots.size());
  std::array<uint32_t, kBlockPostings> block_slots;
  for (const uint32_t slot : slots) {
    KITH_CHECK(slot < source.rows, "slots are of the view");
    double sum = 0;
    const double inverse_norm = scorer.InverseNorm(source.Length(slot));
    for (const TermMatch::Source::List& list : source.lists) {
      uint32_t tf = 0;
      if (!list.growing.empty()) {
        const auto at = std::lower_bound(
            list.growing.begin(), list.growing.end(), slot,
            [](const GrowingTerms::Posting& p, uint32_t wanted) { return p.slot < wanted; });
        if (at != list.growing.end() && at->slot == slot) tf = at->tf;
      } else {
        const uint32_t block = list.sealed.has_table() ? list.sealed.BlockOf(slot, 0) : 0;
        if (block == list.sealed.blocks()) continue;
        list.sealed.Decode(block, block_slots.data(), nullptr);
        const auto* end = block_slots.data() + list.sealed.block_size(block);
        const auto* at =
            std::lower_bound(static_cast<const uint32_t*>(block_slots.data()), end, slot);
        if (at != end && *at == slot) {
          tf = list.sealed.Tf(block, static_cast<uint32_t>(at - block_slots.data()));
        }
      }
      if (tf > 0) sum += scorer.Gain(scorer.weight(list.term), tf, inverse_norm);
    }
    scores.push_back(static_cast<float>(sum));
  }
  return scores;
}

}  // namespace kith::index
