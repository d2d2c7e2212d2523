// Readers of terms and metadata beside the writer. Run under ThreadSanitizer as well.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/metadata/evaluate.h"
#include "index/metadata/filter.h"

namespace kith::index {
namespace {

constexpr uint32_t kDimension = 4096;  // 1,024 rows a segment
constexpr uint64_t kGroups = 150;
constexpr uint64_t kRowsInGroup = 9;

// In the view of group g every row has the field "group" with the value g: each group appends rows
// and updates all that are there.
struct Shown {
  IndexView view;
  int64_t group = 0;
};

class Newest {
 public:
  void Put(Shown shown) {
    absl::MutexLock lock(&mu_);
    shown_ = std::move(shown);
  }
  std::optional<Shown> Get() const {
    absl::MutexLock lock(&mu_);
    return shown_;
  }

 private:
  mutable absl::Mutex mu_;
  std::optional<Shown> shown_ ABSL_GUARDED_BY(mu_);
};

RowTerms TermsOf(uint64_t ordinal) {
  const std::string own = "row" + std::to_string(ordinal);
  return RowTerms::Of({"every", "every", own});
}

void ExpectOneGroup(const Shown& shown, uint64_t seed) {
  std::vector<GrowingTerms::Posting> postings;
  for (const SegmentView& segment : shown.view.segments()) {
    const auto matches = Evaluate(Filter::Compare("group", CompareOp::kEqual, shown.group),
                                  segment.metadata, segment.visible, Call::Background());
    ASSERT_TRUE(matches.ok()) << matches.status();
    ASSERT_EQ(matches->count(), segment.visible) << "group " << shown.group;
    ASSERT_EQ(segment.metadata.Heads(segment.visible).count(), segment.visible);
    postings.clear();
    segment.growing_terms->Find("every", segment.visible, postings);
    ASSERT_EQ(postings.size(), segment.visible);
    const auto slot = static_cast<uint32_t>(seed % segment.visible);
    postings.clear();
    segment.growing_terms->Find("row" + std::to_string(segment.Ordinal(slot)), segment.visible,
                                postings);
    ASSERT_EQ(postings.size(), 1u);
    ASSERT_EQ(postings[0].slot, slot);
  }
}

TEST(CompanionIsolationTest, EveryViewShowsTheMetadataAndTheWordsOfItsOwnTime) {
  auto writer = *IndexWriter::Create(
      {.dimension = kDimension, .metric = Metric::kDot, .companions = true, .analyser = "test"});
  Newest newest;
  std::atomic<bool> done = false;  // publishes nothing but itself: readers stop by it
  std::vector<std::thread> readers;
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([&newest, &done, seed] {
      std::mt19937_64 random(seed);
      std::optional<Shown> old;
      for (bool last = false; !last && !testing::Test::HasFatalFailure();) {
        last = done.load(std::memory_order_relaxed);
        const std::optional<Shown> now = newest.Get();
        if (!now.has_value()) continue;
        ExpectOneGroup(*now, random());
        if (!old.has_value() || random() % 16 == 0) old = now;
        ExpectOneGroup(*old, random());
      }
    });
  }
  const std::vector<float> vector(kDimension, 1.0f);
  uint64_t next = 0;
  for (uint64_t group = 1; group <= kGroups && !testing::Test::HasFatalFailure(); ++group) {
    const auto metadata =
        std::make_shared<const MetadataRow>(MetadataRow{{"group", static_cast<int64_t>(group)}});
    RowNeeds needs;
    for (uint64_t o = next; o < next + kRowsInGroup; ++o) needs.Add(TermsOf(o), *metadata);
    ASSERT_TRUE(writer->Reserve(needs).ok());
    for (uint64_t i = 0; i < kRowsInGroup; ++i, ++next) {
      const RowTerms terms = TermsOf(next);
      writer->Append(next, 0, vector, {&terms, metadata});
    }
    EXPECT_EQ(writer->UpdateMetadata({0, next}, metadata, group), next);
    const Shown shown = {writer->Publish(), static_cast<int64_t>(group)};
    newest.Put(shown);
    ExpectOneGroup(shown, group);  // gives the readers time, too
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(writer->Publish().segments().size(), 2u);
}

}  // namespace
}  // namespace kith::index
