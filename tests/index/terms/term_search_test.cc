#include "index/terms/term_search.h"

#include <cmath>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/index/terms/corpus.h"

namespace kith::index {
namespace {

// Segments with their rows; the last one may be a growing one.
class Corpus {
 public:
  void AddSealed(std::vector<RowTerms> rows) {
    images_.push_back(ImageOf(rows));
    indexes_.push_back(*TermIndex::Parse(BytesOf(images_.back())));
    sources_.push_back({.sealed = &indexes_.back()});
    rows_.push_back(std::move(rows));
  }

  // Shows all rows but the last `hidden`.
  void AddGrowing(std::vector<RowTerms> rows, uint32_t hidden) {
    growing_.push_back(std::make_unique<GrowingTerms>());
    for (const RowTerms& row : rows) {
      TermNeeds one;
      one.Add(row);
      EXPECT_TRUE(growing_.back()->Reserve(one).ok());
      growing_.back()->Append(row);
    }
    rows.resize(rows.size() - hidden);
    sources_.push_back(
        {.growing = growing_.back().get(), .visible = static_cast<uint32_t>(rows.size())});
    rows_.push_back(std::move(rows));
  }

  void Filter(const std::function<bool(uint32_t, uint32_t)>& allows) {
    for (uint32_t s = 0; s < sources_.size(); ++s) {
      sources_[s].allows = [=](uint32_t slot) { return allows(s, slot); };
    }
    allows_ = allows;
  }

  // Pruned and not, beside the oracle.
  void ExpectRight(const RowTerms& query, uint32_t k, const Bm25Params& bm25 = {}) {
    const auto match = TermMatch::Create(query, sources_);
    ASSERT_TRUE(match.ok());
    const auto pruned = SearchTerms(*match, match->statistics(), {.k = k, .bm25 = bm25},
                                    Call::Background(), scratch_);
    const auto scanned =
        SearchTerms(*match, match->statistics(), {.k = k, .bm25 = bm25, .prune = false},
                    Call::Background(), scratch_);
    ASSERT_TRUE(pruned.ok() && scanned.ok());
    ASSERT_EQ(pruned->hits, scanned->hits);
    const std::vector<OracleHit> oracle = OracleSearch(rows_, query, allows_, bm25.k1, bm25.b);
    ASSERT_EQ(pruned->hits.size(), std::min<size_t>(k, oracle.size()));
    for (size_t i = 0; i < pruned->hits.size(); ++i) {
      const TermHit& hit = pruned->hits[i];
      ASSERT_NEAR(hit.score, oracle[i].score, 1e-5 * std::max(1.0, oracle[i].score));
      ASSERT_TRUE(i == 0 || Better(pruned->hits[i - 1], hit));
      const uint32_t slot[] = {hit.slot};
      ASSERT_EQ(ScoreTerms(*match, match->statistics(), bm25, hit.source, slot)[0], hit.score);
      ASSERT_TRUE(!allows_ || allows_(hit.source, hit.slot));
    }
    // The score of every row, whether it is among the best or not.
    for (size_t i = 0; i < oracle.size(); i += 1 + oracle.size() / 20) {
      const uint32_t slot[] = {oracle[i].slot};
      ASSERT_NEAR(ScoreTerms(*match, match->statistics(), bm25, oracle[i].source, slot)[0],
                  oracle[i].score, 1e-5 * std::max(1.0, oracle[i].score));
    }
  }

  const std::vector<TermSource>& sources() const { return sources_; }
  const std::vector<std::vector<RowTerms>>& rows() const { return rows_; }

 private:
  std::deque<std::string> images_;
  std::deque<TermIndex> indexes_;
  std::vector<std::unique_ptr<GrowingTerms>> growing_;
  std::vector<TermSource> sources_;
  std::vector<std::vector<RowTerms>> rows_;
  std::function<bool(uint32_t, uint32_t)> allows_;
  TermSearchScratch scratch_;
};

TEST(TermSearchTest, AgreesWithThePlainFormulaOverSegmentsOfEveryKind) {
  constexpr uint64_t kSeed = 100;
  for (uint64_t round = 0; round < 6; ++round) {
    SCOPED_TRACE(kSeed + round);
    CorpusMaker maker(round % 2 == 0 ? 300 : 5000, 30, kSeed + round);
    Corpus corpus;
    corpus.AddSealed(maker.Rows(1500));
    corpus.AddSealed(maker.Rows(static_cast<uint32_t>(round) * 1200));
    corpus.AddSealed(maker.Rows(3));
    corpus.AddGrowing(maker.Rows(700), 90);
    for (int i = 0; i < 12; ++i) {
      const auto length = static_cast<uint32_t>(1 + maker.random()() % 9);
      const auto k = static_cast<uint32_t>(1 + maker.random()() % 30);
      corpus.ExpectRight(maker.Query(length), k);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(TermSearchTest, PruningLeavesNothingOutOfManyWindows) {
  constexpr uint64_t kSeed = 200;
  CorpusMaker maker(4000, 25, kSeed);
  Corpus corpus;
  // A frequent topic in the middle: windows differ in what they are worth.
  std::vector<RowTerms> rows = maker.Rows(12000);
  for (int i = 5000; i < 5300; ++i) {
    rows[i] = TermsOf({"topic", "topic", maker.Word(), maker.Word(), maker.Word()});
  }
  corpus.AddSealed(std::move(rows));
  corpus.AddSealed(maker.Rows(5000));
  for (int i = 0; i < 12; ++i) {
    corpus.ExpectRight(TermsOf({"topic", maker.Word(), maker.Word(), "w0", "w1"}), 10);
    if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << kSeed;
  }
}

TEST(TermSearchTest, TiesGoToTheEarlierRow) {
  // Every row of a kind has the same score; the order of windows must not show.
  Corpus corpus;
  for (int s = 0; s < 3; ++s) {
    std::vector<RowTerms> rows;
    for (int i = 0; i < 9000; ++i) {
      rows.push_back(i % 3 == s ? TermsOf({"apple", "pear"}) : TermsOf({"plum", "pear"}));
    }
    corpus.AddSealed(std::move(rows));
  }
  for (const uint32_t k : {1u, 10u, 3000u, 4000u}) {
    const auto match = TermMatch::Create(TermsOf({"apple", "pear"}), corpus.sources());
    TermSearchScratch scratch;
    const auto result =
        SearchTerms(*match, match->statistics(), {.k = k}, Call::Background(), scratch);
    ASSERT_EQ(result->hits.size(), k);
    for (uint32_t i = 0; i < k; ++i) {
      const uint32_t source = i / 3000;
      ASSERT_EQ(result->hits[i].source, source);
      ASSERT_EQ(result->hits[i].slot, i % 3000 * 3 + source);
    }
  }
}

TEST(TermSearchTest, OnlyAllowedRowsAreAnsweredWith) {
  constexpr uint64_t kSeed = 300;
  CorpusMaker maker(500, 20, kSeed);
  Corpus corpus;
  corpus.AddSealed(maker.Rows(6000));
  corpus.AddGrowing(maker.Rows(500), 0);
  for (const uint32_t one_in : {1u, 2u, 50u, 3000u}) {
    corpus.Filter([=](uint32_t source, uint32_t slot) {
      return (slot + source) * 2654435761u % one_in == 0;
    });
    for (int i = 0; i < 5; ++i) {
      corpus.ExpectRight(maker.Query(4), 10);
      if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << kSeed;
    }
  }
}

TEST(TermSearchTest, OtherParametersHoldAndRepeatedWordsOfAQueryCountOnce) {
  constexpr uint64_t kSeed = 400;
  CorpusMaker maker(300, 20, kSeed);
  Corpus corpus;
  corpus.AddSealed(maker.Rows(3000));
  for (const Bm25Params& bm25 :
       {Bm25Params{0, 0.75}, Bm25Params{1.2, 0}, Bm25Params{2, 1}, Bm25Params{1000, 0.5}}) {
    corpus.ExpectRight(TermsOf({"w1", "w1", "w1", "w7", "w30"}), 10, bm25);
    if (::testing::Test::HasFatalFailure()) FAIL() << "k1 " << bm25.k1 << " b " << bm25.b;
  }
}

TEST(TermSearchTest, EmptyQueriesAndUnknownWordsFindNothing) {
  CorpusMaker maker(300, 20, 1);
  Corpus corpus;
  corpus.ExpectRight(maker.Query(3), 10);
  corpus.AddSealed(maker.Rows(300));
  corpus.AddGrowing({}, 0);
  corpus.ExpectRight(RowTerms(), 10);
  corpus.ExpectRight(TermsOf({"unheard", "of"}), 10);
  corpus.ExpectRight(TermsOf({"unheard", "w0"}), 10000);
}

TEST(TermSearchTest, AQueryOfTooManyTermsIsRefused) {
  std::vector<std::string> words;
  for (size_t i = 0; i < kMaxQueryTerms; ++i) words.push_back("w" + std::to_string(i));
  CorpusMaker maker(2000, 20, 1);
  Corpus corpus;
  corpus.AddSealed(maker.Rows(500));
  corpus.ExpectRight(TermsOf(words), 10);
  words.push_back("x");
  const absl::Status status = TermMatch::Create(TermsOf(words), corpus.sources()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailsOf(status).reason, reason::kTooManyTokens);
}

TEST(TermSearchTest, ARowScoresTheSameInEverySegment) {
  constexpr uint64_t kSeed = 500;
  CorpusMaker maker(300, 20, kSeed);
  const std::vector<RowTerms> rows = maker.Rows(2000);
  Corpus whole, parts;
  whole.AddSealed(rows);
  parts.AddSealed({rows.begin(), rows.begin() + 700});
  parts.AddGrowing({rows.begin() + 700, rows.end()}, 0);
  for (int i = 0; i < 10; ++i) {
    const RowTerms query = maker.Query(5);
    TermSearchScratch scratch;
    std::vector<std::pair<uint32_t, float>> found[2];
    for (const Corpus* corpus : {&whole, &parts}) {
      const auto match = TermMatch::Create(query, corpus->sources());
      const auto result =
          SearchTerms(*match, match->statistics(), {.k = 20}, Call::Background(), scratch);
      for (const TermHit& hit : result->hits) {
        found[corpus == &parts].emplace_back(hit.slot + (hit.source == 1 ? 700 : 0), hit.score);
      }
    }
    ASSERT_EQ(found[0], found[1]) << "seed " << kSeed;
  }
}

// Keeps the best row of each hundred.
class BestOfHundred : public TermCollector {
 public:
  void Collect(const TermHit& hit) override {
    for (TermHit& kept : best_) {
      if (kept.slot / 100 != hit.slot / 100) continue;
      if (Better(hit, kept)) kept = hit;
      return;
    }
    best_.push_back(hit);
    std::sort(best_.begin(), best_.end(), Better);
    if (best_.size() > 5) best_.pop_back();
  }
  TermHit bar() const override {
    if (best_.size() < 5) return {};
    return *std::max_element(best_.begin(), best_.end(), Better);
  }
  std::vector<TermHit> Take() {
    std::sort(best_.begin(), best_.end(), Better);
    return best_;
  }

 private:
  std::vector<TermHit> best_;
};

TEST(TermSearchTest, ACollectorDecidesWhatIsKept) {
  constexpr uint64_t kSeed = 600;
  CorpusMaker maker(300, 20, kSeed);
  Corpus corpus;
  corpus.AddSealed(maker.Rows(9000));
  for (int i = 0; i < 10; ++i) {
    const RowTerms query = maker.Query(4);
    const auto match = TermMatch::Create(query, corpus.sources());
    TermSearchScratch scratch;
    const auto all =
        SearchTerms(*match, match->statistics(), {.k = 9000}, Call::Background(), scratch);
    std::vector<TermHit> expected;
    for (const TermHit& hit : all->hits) {
      const bool known = std::any_of(expected.begin(), expected.end(), [&](const TermHit& other) {
        return other.slot / 100 == hit.slot / 100;
      });
      if (!known && expected.size() < 5) expected.push_back(hit);
    }
    BestOfHundred collector;
    ASSERT_TRUE(
        SearchTerms(*match, match->statistics(), {}, Call::Background(), scratch, collector).ok());
    ASSERT_EQ(collector.Take(), expected) << "seed " << kSeed;
  }
}

TEST(TermSearchTest, ASearchThatNobodyWaitsForEnds) {
  CorpusMaker maker(300, 20, 1);
  Corpus corpus;
  corpus.AddSealed(maker.Rows(300));
  const auto match = TermMatch::Create(TermsOf({"w0"}), corpus.sources());
  Call call;
  call.Cancel();
  TermSearchScratch scratch;
  EXPECT_EQ(SearchTerms(*match, match->statistics(), {}, call, scratch).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kith::index
