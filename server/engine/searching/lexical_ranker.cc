#include "server/engine/searching/lexical_ranker.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

struct BetterFirst {
  bool operator()(const index::TermHit& a, const index::TermHit& b) const { return Better(a, b); }
};

// The k best documents, each by its best passage.
class DocumentCollector : public index::TermCollector {
 public:
  DocumentCollector(const index::IndexView& view, size_t k) : view_(view), k_(k) {}

  void Collect(const index::TermHit& hit) override {
    const uint64_t document = DocumentOf(hit);
    const auto [known, is_new] = best_.try_emplace(document, hit);
    if (!is_new) {
      if (!Better(hit, known->second)) return;
      order_.erase(known->second);
      known->second = hit;
    }
    order_.insert(hit);
    if (order_.size() <= k_) return;
    const auto worst = std::prev(order_.end());
    best_.erase(DocumentOf(*worst));
    order_.erase(worst);
  }

  index::TermHit bar() const override {
    return order_.size() < k_ ? index::TermHit{} : *order_.rbegin();
  }

  std::vector<index::TermHit> hits() const { return {order_.begin(), order_.end()}; }

 private:
  uint64_t DocumentOf(const index::TermHit& hit) const {
    const index::SegmentView& segment = view_.segments()[hit.source];
    return segment.Ordinal(hit.slot) - segment.PassageIndex(hit.slot);
  }

  const index::IndexView& view_;
  const size_t k_;
  absl::flat_hash_map<uint64_t, index::TermHit> best_;
  std::set<index::TermHit, BetterFirst> order_;  // the same hits
};

}  // namespace

absl::StatusOr<std::unique_ptr<LexicalRanker>> LexicalRanker::Create(const RankContext& context,
                                                                     const index::RowTerms& words) {
  std::unique_ptr<LexicalRanker> ranker(new LexicalRanker(context));
  std::vector<index::TermSource> sources;
  const auto segments = context.view.segments();
  for (size_t i = 0; i < segments.size(); ++i) {
    index::TermSource& source = sources.emplace_back(segments[i].terms());
    source.allows = [self = ranker.get(), segment = &segments[i], i](uint32_t slot) {
      return self->Allows(*segment, i, slot);
    };
  }
  KITH_ASSIGN_OR_RETURN(index::TermMatch match, index::TermMatch::Create(words, sources));
  ranker->match_ = std::make_unique<const index::TermMatch>(std::move(match));
  return ranker;
}

bool LexicalRanker::Allows(const index::SegmentView& segment, size_t place, uint32_t slot) const {
  if (segment.deleted.Contains(slot)) return false;
  if (!scope_->allow.empty()) {
    const index::SlotSet* allowed = scope_->allow[place];
    if (allowed == nullptr || !allowed->Contains(slot)) return false;
  }
  if (scope_->exclude.empty()) return true;
  const uint64_t ordinal = segment.Ordinal(slot);
  return std::none_of(
      scope_->exclude.begin(), scope_->exclude.end(),
      [ordinal](const index::OrdinalRange& range) { return range.Contains(ordinal); });
}

index::Hit LexicalRanker::HitOf(const index::TermHit& hit) const {
  const index::SegmentView& segment = context_.view.segments()[hit.source];
  return {segment.Ordinal(hit.slot), segment.PassageIndex(hit.slot), hit.score};
}

absl::StatusOr<std::vector<Candidate>> LexicalRanker::Best(const Scope& scope, uint32_t k,
                                                           bool documents) {
  thread_local index::TermSearchScratch scratch;
  scope_ = &scope;
  index::TermSearchResult result;
  if (documents) {
    DocumentCollector collector(context_.view, k);
    KITH_ASSIGN_OR_RETURN(result, index::SearchTerms(*match_, match_->statistics(), {},
                                                     context_.call, scratch, collector));
    result.hits = collector.hits();
  } else {
    KITH_ASSIGN_OR_RETURN(result, index::SearchTerms(*match_, match_->statistics(), {.k = k},
                                                     context_.call, scratch));
  }
  const uint64_t read = result.postings_scored + result.postings_looked_up;
  context_.answer->postings += read;
  if (context_.clock != nullptr) {
    context_.clock->End("lexical",
                        fmt::format("BM25: {} words", match_->statistics().term_rows.size()),
                        {{"candidates", result.hits.size()},
                         {"postings", result.postings},
                         {"postings_read", read},
                         {"windows", result.windows},
                         {"windows_read", result.windows_read}});
  }
  std::vector<Candidate> candidates;
  candidates.reserve(result.hits.size());
  for (const index::TermHit& hit : result.hits) candidates.push_back({HitOf(hit)});
  return candidates;
}

absl::StatusOr<std::vector<std::optional<float>>> LexicalRanker::Scores(
    std::span<const uint64_t> ordinals) {
  std::vector<std::optional<float>> scores(ordinals.size());
  // Slots are scored a segment at a time, in ascending order.
  struct Asked {
    index::RowPlace place;
    size_t answer;
  };
  std::vector<Asked> asked;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (const auto place = context_.view.Find(ordinals[i])) asked.push_back({*place, i});
  }
  std::sort(asked.begin(), asked.end(), [](const Asked& a, const Asked& b) {
    return std::pair(a.place.segment, a.place.slot) < std::pair(b.place.segment, b.place.slot);
  });
  for (size_t begin = 0; begin < asked.size();) {
    KITH_RETURN_IF_ERROR(context_.call.Check());
    const uint32_t segment = asked[begin].place.segment;
    std::vector<uint32_t> slots;
    for (size_t i = begin; i < asked.size() && asked[i].place.segment == segment; ++i) {
      slots.push_back(asked[i].place.slot);
    }
    const std::vector<float> found =
        index::ScoreTerms(*match_, match_->statistics(), {}, segment, slots);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i] > 0) scores[asked[begin + i].answer] = found[i];
    }
    begin += slots.size();
  }
  context_.answer->postings += asked.size();
  return scores;
}

}  // namespace kith::engine
