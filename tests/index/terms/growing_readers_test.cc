// Readers beside the one writer of a GrowingTerms: run under ThreadSanitizer.

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "index/terms/growing_terms.h"
#include "index/terms/term_search.h"
#include "tests/index/terms/corpus.h"

namespace kith::index {
namespace {

TEST(GrowingReadersTest, AReaderSeesTheWholeOfEveryPublishedRow) {
  constexpr uint32_t kRows = 4000;
  CorpusMaker maker(2000, 12, 99);
  const std::vector<RowTerms> rows = maker.Rows(kRows);
  std::vector<uint64_t> with_w0 = {0};
  for (const RowTerms& row : rows) with_w0.push_back(with_w0.back() + (TfOf(row, "w0") > 0));

  GrowingTerms terms;
  // Release and acquire: publishes the rows below, as a View does.
  std::atomic<uint32_t> published = 0;
  std::thread writer([&] {
    for (const RowTerms& row : rows) {
      TermNeeds needs;
      needs.Add(row);
      ASSERT_TRUE(terms.Reserve(needs).ok());
      terms.Append(row);
      published.store(terms.size(), std::memory_order_release);
    }
  });
  std::vector<std::thread> readers;
  for (uint64_t r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937_64 random(r);
      TermSearchScratch scratch;
      uint32_t visible = 0;
      while (visible < kRows) {
        visible = published.load(std::memory_order_acquire);
        if (visible == 0) continue;
        std::vector<GrowingTerms::Posting> postings;
        terms.Find("w0", visible, postings);
        ASSERT_EQ(postings.size(), with_w0[visible]);
        // The newest row, by a term of its own.
        const RowTerms& newest = rows[visible - 1];
        if (newest.empty()) continue;
        const std::string term(newest.term(random() % newest.size()));
        const std::vector<TermSource> sources = {{.growing = &terms, .visible = visible}};
        const auto match = TermMatch::Create(TermsOf({term}), sources);
        const uint32_t slot[] = {visible - 1};
        ASSERT_GT(ScoreTerms(*match, match->statistics(), {}, 0, slot)[0], 0);
        const auto result =
            SearchTerms(*match, match->statistics(), {.k = 3}, Call::Background(), scratch);
        ASSERT_FALSE(result->hits.empty());
        for (const TermHit& hit : result->hits) ASSERT_LT(hit.slot, visible);
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace kith::index
