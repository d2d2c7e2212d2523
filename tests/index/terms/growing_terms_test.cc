#include "index/terms/growing_terms.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/terms/term_index_builder.h"
#include "tests/index/terms/corpus.h"

namespace kith::index {
namespace {

void Append(GrowingTerms& terms, const std::vector<RowTerms>& rows) {
  TermNeeds batch;
  for (const RowTerms& row : rows) batch.Add(row);
  const size_t before = terms.memory_bytes();
  const size_t bytes = terms.BytesToReserve(batch);
  ASSERT_TRUE(terms.Reserve(batch).ok());
  ASSERT_EQ(terms.memory_bytes(), before + bytes);
  ASSERT_EQ(terms.BytesToReserve(batch), 0u);
  for (const RowTerms& row : rows) terms.Append(row);
  ASSERT_EQ(terms.memory_bytes(), before + bytes);
}

TEST(GrowingTermsTest, ShowsWhatWasAppendedBelowEveryLength) {
  constexpr uint64_t kSeed = 12;
  CorpusMaker maker(4000, 30, kSeed);
  GrowingTerms terms;
  std::vector<RowTerms> rows;
  while (rows.size() < 3000) {
    const auto batch = static_cast<uint32_t>(1 + maker.random()() % (rows.size() < 100 ? 3 : 200));
    const std::vector<RowTerms> more = maker.Rows(batch);
    Append(terms, more);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  ASSERT_EQ(terms.size(), rows.size());
  for (const uint32_t visible : {0u, 1u, 2u, 255u, 256u, 257u, 1500u, terms.size()}) {
    uint64_t total_length = 0;
    std::map<std::string, std::vector<std::pair<uint32_t, uint32_t>>> oracle;
    for (uint32_t slot = 0; slot < visible; ++slot) {
      ASSERT_EQ(terms.length(slot), rows[slot].length());
      total_length += rows[slot].length();
      for (size_t i = 0; i < rows[slot].size(); ++i) {
        oracle[std::string(rows[slot].term(i))].emplace_back(slot, rows[slot].count(i));
      }
    }
    ASSERT_EQ(terms.total_length(visible), total_length);
    std::vector<GrowingTerms::Posting> postings;
    for (const auto& [term, expected] : oracle) {
      postings.clear();
      terms.Find(term, visible, postings);
      ASSERT_EQ(postings.size(), expected.size()) << term << " seed " << kSeed;
      for (size_t i = 0; i < postings.size(); ++i) {
        ASSERT_EQ(std::pair(postings[i].slot, postings[i].tf), expected[i]) << term;
      }
    }
    size_t visited = 0;
    terms.ForEachTerm(visible, [&](std::string_view term, auto seen) {
      ++visited;
      EXPECT_EQ(oracle.at(std::string(term)).size(), seen.size());
    });
    EXPECT_EQ(visited, oracle.size());
  }
  std::vector<GrowingTerms::Posting> postings;
  terms.Find("unheard", terms.size(), postings);
  EXPECT_TRUE(postings.empty());
}

TEST(GrowingTermsTest, AnEmptyOneTakesNoMemoryAndAFewRowsTakeLittle) {
  GrowingTerms terms;
  EXPECT_EQ(terms.memory_bytes(), 0u);
  CorpusMaker maker(4000, 100, 1);
  for (int i = 0; i < 20; ++i) Append(terms, {maker.Query(50)});
  EXPECT_LE(terms.memory_bytes(), size_t{64} << 10);
}

TEST(GrowingTermsTest, WhatIsReservedTooMuchIsUsedByTheNextRows) {
  // Rows of 60 terms; a posting takes about 10 bytes once its term is known.
  GrowingTerms terms;
  CorpusMaker maker(3000, 0, 2);
  for (uint32_t i = 0; i < GrowingTerms::kMaxRows; ++i) Append(terms, {maker.Query(60)});
  EXPECT_LE(terms.memory_bytes(), size_t{12} << 20);
}

TEST(GrowingTermsTest, WhatIsSpareIsGivenBackAndTheRowsStay) {
  CorpusMaker maker(3000, 30, 4);
  const std::vector<RowTerms> rows = maker.Rows(500);
  GrowingTerms terms;
  TermNeeds each;
  for (const RowTerms& row : rows) {
    each = {};
    each.Add(row);
    ASSERT_TRUE(terms.Reserve(each).ok());
    terms.Append(row);
  }
  const size_t before = terms.memory_bytes();
  TermNeeds many;
  for (int i = 0; i < 10; ++i) {
    for (const RowTerms& row : rows) many.Add(row);
  }
  ASSERT_TRUE(terms.Reserve(many).ok());
  EXPECT_GT(terms.memory_bytes(), 2 * before);
  terms.ReleaseSpare();
  EXPECT_LE(terms.memory_bytes(), before);
  terms.ReleaseSpare();
  EXPECT_EQ(terms.length(499), rows[499].length());
  std::vector<GrowingTerms::Posting> postings;
  for (size_t i = 0; i < rows[499].size(); ++i) {
    postings.clear();
    terms.Find(rows[499].term(i), 500, postings);
    ASSERT_FALSE(postings.empty());
    EXPECT_EQ(postings.back().slot, 499u);
    EXPECT_EQ(postings.back().tf, rows[499].count(i));
  }
  // And it goes on from there.
  ASSERT_TRUE(terms.Reserve(each).ok());
  terms.Append(rows[499]);
  EXPECT_EQ(terms.size(), 501u);
}

TEST(GrowingTermsTest, FillsABuilderAsItsRowsWould) {
  constexpr uint64_t kSeed = 13;
  CorpusMaker maker(1000, 30, kSeed);
  const std::vector<RowTerms> rows = maker.Rows(900);
  GrowingTerms terms;
  Append(terms, rows);
  const auto keep = [](uint32_t slot) { return slot % 3 != 0; };
  TermIndexBuilder from_growing("test");
  from_growing.Add(rows[0]);
  from_growing.Add(terms, 800, keep);
  TermIndexBuilder from_rows("test");
  from_rows.Add(rows[0]);
  for (uint32_t slot = 0; slot < 800; ++slot) {
    if (keep(slot)) from_rows.Add(rows[slot]);
  }
  EXPECT_EQ(from_growing.rows(), from_rows.rows());
  EXPECT_TRUE(*from_growing.Build() == *from_rows.Build()) << "seed " << kSeed;
}

}  // namespace
}  // namespace kith::index
