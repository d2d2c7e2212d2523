// Readers beside a writer whose segments are sealed, merged and replaced under way by another
// thread, as the engine does it. Run under ThreadSanitizer as well.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "tests/index/board.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint32_t kDimension = 64;
constexpr uint64_t kBatches = 150;
constexpr uint64_t kRows = 12;    // in a batch
constexpr uint64_t kWindow = 90;  // batches alive at a time
constexpr uint64_t kSealEvery = 15;
constexpr int kInstalls = 6;

void ExpectWhole(const Published& shown, uint64_t about, SearchScratch& scratch) {
  ASSERT_EQ(shown.view.live_rows(), shown.end - shown.begin);
  const std::vector<float> query = VectorOf(about, kDimension);
  for (const bool exact : {false, true}) {
    const auto found = Search(shown.view, {.queries = query, .k = 10, .exact = exact, .ef = 40},
                              Call::Background(), scratch);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->hits.size(), std::min<uint64_t>(10, shown.end - shown.begin));
    for (const Hit& hit : found->hits) {
      ASSERT_GE(hit.ordinal, shown.begin);
      ASSERT_LT(hit.ordinal, shown.end);
    }
    if (exact && about >= shown.begin && about < shown.end) {
      ASSERT_EQ(found->hits[0].ordinal, about);
    }
  }
}

// A build under way: begun by the writer, done by a thread of its own, installed by the writer.
class Job {
 public:
  Job(Sealer& sealer, IndexView view, size_t first, size_t count)
      : view_(std::move(view)),
        from_(view_.segments().subspan(first, count)),
        thread_([this, &sealer] {
          auto sealed = sealer.Seal(view_.options(), from_, {.ef_construction = 20, .threads = 2});
          absl::MutexLock lock(&mu_);
          sealed_ = std::move(sealed);
        }) {}
  ~Job() { thread_.join(); }

  bool Install(IndexWriter& writer) {
    absl::MutexLock lock(&mu_);
    if (!sealed_.has_value()) return false;
    EXPECT_TRUE(sealed_->ok()) << sealed_->status();
    const absl::Status replaced = writer.Replace(from_, **sealed_);
    EXPECT_TRUE(replaced.ok()) << replaced;
    return true;
  }

 private:
  const IndexView view_;
  const std::span<const SegmentView> from_;
  absl::Mutex mu_;
  std::optional<absl::StatusOr<std::shared_ptr<const SealedSegment>>> sealed_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

TEST(SealIsolationTest, ReadersSeeWholeBatchesWhileSegmentsAreSealedAndMerged) {
  Sealer sealer;
  auto writer = *IndexWriter::Create({.dimension = kDimension, .metric = Metric::kL2});
  Board board;
  std::atomic<bool> done = false;  // publishes nothing but itself: readers stop by it
  std::vector<std::thread> readers;
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    readers.emplace_back([&board, &done, seed] {
      std::mt19937_64 random(seed);
      SearchScratch scratch;
      std::optional<Published> old;
      for (bool last = false; !last && !testing::Test::HasFatalFailure();) {
        last = done.load(std::memory_order_relaxed);
        const std::optional<Published> now = board.Get();
        if (!now.has_value()) continue;
        if (!old.has_value() || random() % 8 == 0) old = now;
        ExpectWhole(*now, random() % (now->end + 10), scratch);
        ExpectWhole(*old, random() % (old->end + 10), scratch);
      }
    });
  }
  std::mt19937_64 random(4);
  std::unique_ptr<Job> job;
  int installed = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  for (uint64_t batch = 0; batch < kBatches || installed < kInstalls || job != nullptr; ++batch) {
    ASSERT_TRUE(writer->Reserve(kRows).ok());
    for (uint64_t i = 0; i < kRows; ++i, ++end) {
      writer->Append(end, static_cast<uint32_t>(i % 4), VectorOf(end, kDimension));
    }
    if (batch >= kWindow) {
      EXPECT_EQ(writer->Delete({begin, begin + kRows}), kRows);
      begin += kRows;
    }
    if (batch % kSealEvery == kSealEvery - 1) writer->CloseGrowing();
    if (job != nullptr && job->Install(*writer)) {
      job.reset();
      ++installed;
    }
    const IndexView view = writer->Publish();
    board.Put({view, begin, end});
    // Gives the others time, too.
    SearchScratch scratch;
    ExpectWhole({view, begin, end}, begin + batch % (end - begin), scratch);
    const size_t closed = view.segments().size() - 1;  // the last takes rows, or just was closed
    if (job == nullptr && closed > 0 && installed < kInstalls) {
      const size_t first = random() % closed;
      const size_t count = 1 + random() % std::min<size_t>(2, closed - first);
      job = std::make_unique<Job>(sealer, view, first, count);
    }
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(installed, kInstalls);
  EXPECT_EQ(writer->live_rows(), kWindow * kRows);
}

}  // namespace
}  // namespace kith::index
