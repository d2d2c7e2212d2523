// Searches whose parts run side by side, against the same ones in one thread.

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "index/spread.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 3;
constexpr uint32_t kDimension = 16;

class ThreeThreads : public Spread {
 public:
  void Run(size_t count,
           const std::function<void(size_t i, SearchScratch& scratch)>& part) override {
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (SearchScratch& scratch : scratches_) {
      threads.emplace_back([&] {
        for (size_t i; (i = next.fetch_add(1)) < count; ++parts_) part(i, scratch);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  int parts() const { return parts_; }

 private:
  SearchScratch scratches_[3];
  std::atomic<int> parts_{0};
};

class SpreadSearchTest : public testing::TestWithParam<Metric> {
 protected:
  SpreadSearchTest()
      : maker_(Family::kGaussian, kDimension, kSeed),
        writer_(*IndexWriter::Create({.dimension = kDimension, .metric = GetParam()})) {}

  void Add(int rows) {
    for (int i = 0; i < rows; ++i) {
      ASSERT_TRUE(writer_->Reserve(1).ok());
      writer_->Append(next_++, 0, maker_.Next());
    }
    writer_->CloseGrowing();
  }
  void Seal() {
    const IndexView view = writer_->Publish();
    const auto last = view.segments().last(1);
    auto sealed = sealer_.Seal(view.options(), last, {.ef_construction = 40});
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(writer_->Replace(last, *std::move(sealed)).ok());
  }

  VectorMaker maker_;
  Sealer sealer_;
  std::unique_ptr<IndexWriter> writer_;
  uint64_t next_ = 0;
  SearchScratch scratch_;
  ThreeThreads threads_;
};

TEST_P(SpreadSearchTest, ScansFindTheSame) {
  for (int segment = 0; segment < 5; ++segment) Add(400);
  writer_->Delete({100, 180});
  const IndexView view = writer_->Publish();
  for (int i = 0; i < 20; ++i) {
    const Vector query = maker_.Next();
    for (const uint32_t k : {1u, 10u, 3000u}) {
      for (const bool exact : {false, true}) {
        const SearchParams params = {.queries = query, .k = k, .exact = exact};
        const auto alone = Search(view, params, Call::Background(), scratch_);
        const auto spread = Search(view, params, Call::Background(), scratch_, &threads_);
        ASSERT_TRUE(alone.ok() && spread.ok());
        EXPECT_EQ(alone->hits, spread->hits) << "k " << k << " seed " << kSeed;
        EXPECT_EQ(alone->rows_scanned, spread->rows_scanned);
      }
    }
  }
  EXPECT_EQ(threads_.parts(), 20 * 6 * 5);
}

TEST_P(SpreadSearchTest, WalksFindAsMuch) {
  for (int segment = 0; segment < 4; ++segment) {
    Add(1200);
    Seal();
  }
  Add(300);
  const IndexView view = writer_->Publish();
  double alone = 0;
  double spread = 0;
  constexpr int kQueries = 60;
  for (int i = 0; i < kQueries; ++i) {
    const Vector query = maker_.Next();
    SearchParams params = {.queries = query, .k = 10, .target_recall = 0.9};
    const auto recall = [&](const SearchResult& found) {
      SearchParams exactly = params;
      exactly.exact = true;
      const auto truth = Search(view, exactly, Call::Background(), scratch_, &threads_);
      EXPECT_EQ(found.hits.size(), truth->hits.size());
      double right = 0;
      for (const Hit& hit : found.hits) right += hit.score >= truth->hits.back().score;
      return right / static_cast<double>(truth->hits.size()) / kQueries;
    };
    alone += recall(*Search(view, params, Call::Background(), scratch_));
    spread += recall(*Search(view, params, Call::Background(), scratch_, &threads_));
  }
  EXPECT_GE(spread, 0.9 - 0.025) << "seed " << kSeed;
  EXPECT_GE(spread, alone - 0.025) << "seed " << kSeed;
}

TEST_P(SpreadSearchTest, AnErrorOfAPartIsTheSearchs) {
  for (int segment = 0; segment < 3; ++segment) Add(300);
  Call call;
  call.Cancel();
  const Vector query = maker_.Next();
  const auto found = Search(writer_->Publish(), {.queries = query}, call, scratch_, &threads_);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(EveryMetric, SpreadSearchTest, testing::ValuesIn(kMetrics),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

}  // namespace
}  // namespace kith::index
