// Readers beside the writer. Run under ThreadSanitizer as well.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "tests/index/board.h"

namespace kith::index {
namespace {

constexpr uint32_t kDimension = 1024;  // 4,096 rows a segment
constexpr uint64_t kBatches = 360;
constexpr uint64_t kRows = 12;     // in a batch: three documents of four passages
constexpr uint64_t kWindow = 100;  // batches alive at a time

std::vector<Hit> Ask(const Published& shown, uint64_t about, bool exact, bool grouped,
                     SearchScratch& scratch) {
  const std::vector<float> query = VectorOf(about, kDimension);
  auto result =
      Search(shown.view, {.queries = query, .k = 10, .exact = exact, .group_by_document = grouped},
             Call::Background(), scratch);
  EXPECT_TRUE(result.ok());
  return result.ok() ? std::move(result->hits) : std::vector<Hit>();
}

void ExpectWhole(const Published& shown, uint64_t about, SearchScratch& scratch) {
  const uint64_t live = shown.end - shown.begin;
  ASSERT_EQ(shown.view.live_rows(), live);
  const std::vector<Hit> rows = Ask(shown, about, false, false, scratch);
  ASSERT_EQ(rows.size(), std::min<uint64_t>(10, live));
  ASSERT_EQ(rows, Ask(shown, about, true, false, scratch));
  for (const Hit& hit : rows) {
    ASSERT_GE(hit.ordinal, shown.begin);
    ASSERT_LT(hit.ordinal, shown.end);
  }
  const bool there = about >= shown.begin && about < shown.end;
  if (there) {
    ASSERT_EQ(rows[0].score, 0.0f) << "row " << about << " is not its own nearest";
  }
  ASSERT_EQ(shown.view.Find(about).has_value(), there);
  ASSERT_EQ(Ask(shown, about, false, true, scratch).size(), std::min<uint64_t>(10, live / 4));
}

// Looks at new views until `done`, and at an old one again and again.
void Read(const Board& board, const std::atomic<bool>& done, uint32_t seed) {
  std::mt19937_64 random(seed);
  SearchScratch scratch;
  std::optional<Published> old;
  uint64_t old_about = 0;
  std::vector<Hit> old_hits;
  for (bool last = false; !last && !testing::Test::HasFatalFailure();) {
    last = done.load(std::memory_order_relaxed);
    const std::optional<Published> now = board.Get();
    if (!now.has_value()) continue;
    ExpectWhole(*now, now->begin + random() % (now->end - now->begin + 30), scratch);
    if (!old.has_value() || random() % 16 == 0) {
      old = now;
      old_about = random() % now->end;
      old_hits = Ask(*old, old_about, false, false, scratch);
    }
    ASSERT_EQ(Ask(*old, old_about, false, false, scratch), old_hits) << "an old view changed";
  }
}

TEST(ViewIsolationTest, ReadersSeeWholeBatchesAndOldViewsStayAsTheyWere) {
  auto writer = *IndexWriter::Create({.dimension = kDimension, .metric = Metric::kL2});
  Board board;
  std::atomic<bool> done = false;  // publishes nothing but itself: readers stop by it
  std::vector<std::thread> readers;
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([&board, &done, seed] { Read(board, done, seed); });
  }
  SearchScratch scratch;
  uint64_t begin = 0;
  uint64_t end = 0;
  for (uint64_t batch = 0; batch < kBatches; ++batch) {
    ASSERT_TRUE(writer->Reserve(kRows).ok());
    for (uint64_t i = 0; i < kRows; ++i, ++end) {
      writer->Append(end, static_cast<uint32_t>(i % 4), VectorOf(end, kDimension));
    }
    if (batch >= kWindow) {
      EXPECT_EQ(writer->Delete({begin, begin + kRows}), kRows);
      begin += kRows;
    }
    const Published published = {writer->Publish(), begin, end};
    board.Put(published);
    // Gives the readers time, too.
    ExpectWhole(published, begin + batch % (end - begin), scratch);
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(writer->Publish().live_rows(), kWindow * kRows);
}

}  // namespace
}  // namespace kith::index
