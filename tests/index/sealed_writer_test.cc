// IndexWriter with sealed segments: what is there at start, sealing while writes go on, merging,
// and rows in the place of a damaged segment.

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 3;
constexpr uint32_t kDimension = 8;

class SealedWriterTest : public testing::Test {
 protected:
  static std::unique_ptr<IndexWriter> NewWriter() {
    return *IndexWriter::Create({.dimension = kDimension, .metric = Metric::kL2});
  }

  // Row `ordinal` is always the same vector.
  static Vector VectorOf(uint64_t ordinal) {
    VectorMaker maker(Family::kGaussian, kDimension, ordinal);
    return maker.Next();
  }

  static void Append(IndexWriter& writer, uint64_t begin, uint64_t end) {
    ASSERT_TRUE(writer.Reserve(end - begin).ok());
    for (uint64_t o = begin; o < end; ++o) writer.Append(o, 0, VectorOf(o));
  }

  std::shared_ptr<const SealedSegment> SealedOf(uint64_t begin, uint64_t end, OrdinalRange range) {
    auto writer = NewWriter();
    Append(*writer, begin, end);
    writer->CloseGrowing();
    const IndexView view = writer->Publish();
    auto sealed =
        sealer_.Seal(view.options(), view.segments(), {.range = range, .ef_construction = 20});
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    return *sealed;
  }

  // The live ordinals of a view, by what it shows.
  static std::vector<uint64_t> Live(const IndexView& view) {
    std::vector<uint64_t> live;
    for (const SegmentView& segment : view.segments()) {
      for (uint32_t slot = 0; slot < segment.visible; ++slot) {
        if (!segment.deleted.Contains(slot)) live.push_back(segment.Ordinal(slot));
      }
    }
    EXPECT_TRUE(std::is_sorted(live.begin(), live.end()));
    EXPECT_EQ(live.size(), view.live_rows());
    for (uint64_t ordinal : live) EXPECT_TRUE(view.Find(ordinal).has_value()) << ordinal;
    return live;
  }

  static std::vector<uint64_t> Range(uint64_t begin, uint64_t end) {
    std::vector<uint64_t> all;
    for (; begin < end; ++begin) all.push_back(begin);
    return all;
  }

  static std::vector<uint64_t> Join(std::vector<uint64_t> a, const std::vector<uint64_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  Sealer sealer_;
};

TEST_F(SealedWriterTest, AtStartSealedSegmentsAndReplayedRowsTakeTurns) {
  auto writer = NewWriter();
  writer->AddSealed(SealedOf(5, 50, {0, 60}));
  Append(*writer, 60, 75);
  writer->AddSealed(SealedOf(100, 130, {100, 200}));
  Append(*writer, 200, 210);
  Append(*writer, 210, 220);
  const IndexView view = writer->Publish();
  ASSERT_EQ(view.segments().size(), 4u);
  EXPECT_EQ(Live(view),
            Join(Join(Range(5, 50), Range(60, 75)), Join(Range(100, 130), Range(200, 220))));
  for (const uint64_t absent : {0, 4, 50, 59, 75, 99, 130, 199, 220}) {
    EXPECT_FALSE(view.Find(absent).has_value()) << absent;
  }
  EXPECT_EQ(writer->Delete({40, 110}), 10u + 15u + 10u);
  EXPECT_EQ(Live(writer->Publish()), Join(Join(Range(5, 40), Range(110, 130)), Range(200, 220)));
  EXPECT_EQ(writer->live_rows(), 75u);
}

TEST_F(SealedWriterTest, AClosedSegmentTakesNoMoreRows) {
  auto writer = NewWriter();
  writer->CloseGrowing();  // nothing to close
  Append(*writer, 0, 10);
  writer->CloseGrowing();
  writer->CloseGrowing();
  EXPECT_GT(writer->BytesToReserve(1), 0u);
  Append(*writer, 10, 15);
  const IndexView view = writer->Publish();
  ASSERT_EQ(view.segments().size(), 2u);
  EXPECT_EQ(view.segments()[0].visible, 10u);
  EXPECT_EQ(Live(view), Range(0, 15));
}

TEST_F(SealedWriterTest, AClosedOrSealedSegmentWithoutLiveRowsIsLetGo) {
  auto writer = NewWriter();
  writer->AddSealed(SealedOf(0, 20, {0, 20}));
  Append(*writer, 20, 30);
  writer->CloseGrowing();
  Append(*writer, 30, 35);
  EXPECT_EQ(writer->Delete({0, 30}), 30u);
  const IndexView view = writer->Publish();
  EXPECT_EQ(view.segments().size(), 1u);
  EXPECT_EQ(Live(view), Range(30, 35));
  Append(*writer, 35, 40);
  EXPECT_EQ(Live(writer->Publish()), Range(30, 40));
}

TEST_F(SealedWriterTest, RowsDeletedWhileSealedAreDeletedInTheSealedOne) {
  auto writer = NewWriter();
  Append(*writer, 0, 100);
  EXPECT_EQ(writer->Delete({10, 20}), 10u);
  writer->CloseGrowing();
  const IndexView before = writer->Publish();
  auto sealed = sealer_.Seal(before.options(), before.segments(), {.range = {0, 100}});
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ((*sealed)->rows(), 90u);
  // While that went on:
  EXPECT_EQ(writer->Delete({15, 30}), 10u);
  EXPECT_EQ(writer->Delete({99, 100}), 1u);
  Append(*writer, 100, 110);
  ASSERT_TRUE(writer->Replace(before.segments(), *sealed).ok());
  const IndexView after = writer->Publish();
  ASSERT_EQ(after.segments().size(), 2u);
  EXPECT_EQ(after.segments()[0].sealed, *sealed);
  EXPECT_EQ(after.segments()[0].deleted.count(), 11u);
  EXPECT_EQ(Live(after), Join(Join(Range(0, 10), Range(30, 99)), Range(100, 110)));
  EXPECT_EQ(Live(before), Join(Range(0, 10), Range(20, 100))) << "an old view stays as it was";
  EXPECT_EQ(writer->Delete({0, 200}), 89u);
}

TEST_F(SealedWriterTest, ASegmentThatDiedWhileItWasMergedIsMissedByNobody) {
  auto writer = NewWriter();
  writer->AddSealed(SealedOf(0, 10, {0, 10}));
  writer->AddSealed(SealedOf(10, 20, {10, 20}));
  writer->AddSealed(SealedOf(20, 30, {20, 30}));
  const IndexView before = writer->Publish();
  auto merged = sealer_.Seal(before.options(), before.segments(), {.range = {0, 30}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(writer->Delete({10, 20}), 10u);
  EXPECT_EQ(writer->Publish().segments().size(), 2u) << "the middle one was let go";
  ASSERT_TRUE(writer->Replace(before.segments(), *merged).ok());
  const IndexView after = writer->Publish();
  ASSERT_EQ(after.segments().size(), 1u);
  EXPECT_EQ(Live(after), Join(Range(0, 10), Range(20, 30)));
}

TEST_F(SealedWriterTest, GraphsAreMergedAndFindWhatGraphsBuiltAnewFind) {
  const auto writer = NewWriter();
  std::vector<uint64_t> dead;
  for (uint64_t begin = 0; begin < 500; begin += 100) {
    Append(*writer, begin, begin + 100);
    writer->CloseGrowing();
    const IndexView view = writer->Publish();
    const auto newest = view.segments().subspan(view.segments().size() - 1);
    auto sealed = sealer_.Seal(view.options(), newest, {.range = {begin, begin + 100}});
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(writer->Replace(newest, *std::move(sealed)).ok());
  }
  for (uint64_t o = 0; o < 500; o += 10) writer->Delete({o, o + 1});
  const IndexView parts = writer->Publish();
  ASSERT_EQ(parts.segments().size(), 5u);
  const auto recall = [&](const IndexView& view) {
    SearchScratch scratch;
    size_t found = 0;
    for (uint64_t query = 5; query < 500; query += 10) {
      const Vector vector = VectorOf(query);
      const auto all = [&](const SearchParams& params) {
        const auto result = Search(view, params, Call::Background(), scratch);
        EXPECT_TRUE(result.ok()) << result.status();
        return result->hits;
      };
      const auto exact = all({.queries = vector, .k = 10, .exact = true});
      for (const Hit& hit : all({.queries = vector, .k = 10, .ef = 40})) {
        found += hit.score >= exact.back().score;
      }
    }
    return found;
  };
  size_t found[2];
  for (const bool reuse : {true, false}) {
    const auto made = sealer_.Build(parts.options(), parts.segments(),
                                    {.range = {0, 500}, .reuse_graphs = reuse});
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->built.rows, 450u);
    EXPECT_EQ(made->built.merged, reuse);
    auto sealed = Sealer::Open(parts.options(), *made);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    const auto whole = NewWriter();
    whole->AddSealed(sealed->segment);
    found[reuse ? 1 : 0] = recall(whole->Publish());
  }
  // Of 500.
  EXPECT_GE(found[1] + 10, found[0]);
  EXPECT_GE(found[0], 480u);
}

TEST_F(SealedWriterTest, GraphsOfRowsWithoutStructureAreBuiltAnew) {
  constexpr uint32_t kWide = 64;
  auto writer = *IndexWriter::Create({.dimension = kWide, .metric = Metric::kL2});
  VectorMaker maker(Family::kGaussian, kWide, kSeed);
  for (uint64_t begin = 0; begin < 1600; begin += 800) {
    ASSERT_TRUE(writer->Reserve(800).ok());
    for (uint64_t o = begin; o < begin + 800; ++o) writer->Append(o, 0, maker.Next());
    writer->CloseGrowing();
    const IndexView view = writer->Publish();
    const auto newest = view.segments().subspan(view.segments().size() - 1);
    auto sealed = sealer_.Seal(view.options(), newest,
                               {.range = {begin, begin + 800}, .ef_construction = 60});
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(writer->Replace(newest, *std::move(sealed)).ok());
  }
  const IndexView view = writer->Publish();
  const auto made =
      sealer_.Build(view.options(), view.segments(), {.range = {0, 1600}, .ef_construction = 60});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->built.rows, 1600u);
  EXPECT_FALSE(made->built.merged);
}

TEST_F(SealedWriterTest, AMergeOfDeadSegmentsLeavesNothing) {
  auto writer = NewWriter();
  writer->AddSealed(SealedOf(0, 10, {0, 10}));
  writer->AddSealed(SealedOf(10, 20, {10, 20}));
  Append(*writer, 20, 25);
  const IndexView before = writer->Publish();
  const auto from = before.segments().first(2);
  auto merged = sealer_.Seal(before.options(), from, {.range = {0, 20}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(writer->Delete({0, 20}), 20u);
  // All gone by Publish, or not yet.
  for (const bool published : {false, true}) {
    if (published) {
      EXPECT_EQ(writer->Publish().segments().size(), 1u);
    }
    ASSERT_TRUE(writer->Replace(from, published ? nullptr : *merged).ok());
    EXPECT_EQ(Live(writer->Publish()), Range(20, 25));
  }
}

TEST_F(SealedWriterTest, ASealedSegmentOfOtherRowsIsRefusedAndNothingChanges) {
  auto writer = NewWriter();
  Append(*writer, 0, 30);
  writer->CloseGrowing();
  const IndexView before = writer->Publish();
  const absl::Status status = writer->Replace(before.segments(), SealedOf(0, 29, {0, 30}));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_EQ(writer->Replace(before.segments(), nullptr).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Live(writer->Publish()), Range(0, 30));
}

TEST_F(SealedWriterTest, ReplayedRowsTakeTheDamagedSegmentsPlace) {
  auto writer = NewWriter();
  writer->AddSealed(SealedOf(0, 10, {0, 10}));
  writer->AddSealed(SealedOf(10, 40, {10, 40}));
  writer->AddSealed(SealedOf(40, 50, {40, 50}));
  Append(*writer, 50, 55);
  EXPECT_EQ(writer->Delete({12, 14}), 2u);
  const IndexView before = writer->Publish();
  auto replayed = NewWriter();
  Append(*replayed, 10, 12);
  Append(*replayed, 14, 40);
  // While that went on:
  EXPECT_EQ(writer->Delete({20, 23}), 3u);
  EXPECT_EQ(writer->Delete({39, 42}), 3u);
  ASSERT_TRUE(writer->ReplaceByRows(before.segments()[1], std::move(replayed)).ok());
  const IndexView after = writer->Publish();
  ASSERT_EQ(after.segments().size(), 4u);
  EXPECT_EQ(after.segments()[1].sealed, nullptr);
  EXPECT_EQ(Live(after),
            Join(Join(Join(Range(0, 12), Range(14, 20)), Range(23, 39)), Range(42, 55)));
  Append(*writer, 55, 60);
  EXPECT_EQ(writer->Publish().live_rows(), after.live_rows() + 5);
  // And it can be sealed again.
  const IndexView again = writer->Publish();
  const auto from = again.segments().subspan(1, 1);
  auto sealed = sealer_.Seal(again.options(), from, {.range = {10, 40}});
  ASSERT_TRUE(sealed.ok());
  ASSERT_TRUE(writer->Replace(from, *sealed).ok());
  EXPECT_EQ(Live(writer->Publish()), Live(again));

  auto few = NewWriter();
  Append(*few, 0, 9);
  EXPECT_EQ(writer->ReplaceByRows(again.segments()[0], std::move(few)).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Live(writer->Publish()), Live(again));
}

// Appends, deletes, seals, merges and replays at random, beside a plain list of what is live.
TEST_F(SealedWriterTest, UnderRandomOperationsTheIndexShowsWhatIsLive) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  auto writer = NewWriter();
  std::vector<uint64_t> live;
  uint64_t next = 0;
  for (int step = 0; step < 250; ++step) {
    switch (random() % 6) {
      case 0:
      case 1: {
        const uint64_t count = 1 + random() % 60;
        next += random() % 3;
        Append(*writer, next, next + count);
        for (uint64_t i = 0; i < count; ++i) live.push_back(next++);
        break;
      }
      case 2: {
        const uint64_t begin = random() % (next + 1);
        const uint64_t end = begin + random() % 40;
        writer->Delete({begin, end});
        std::erase_if(live, [&](uint64_t o) { return begin <= o && o < end; });
        break;
      }
      case 3:
        writer->CloseGrowing();
        break;
      default: {
        writer->CloseGrowing();
        const IndexView view = writer->Publish();
        const size_t count = view.segments().size();
        if (count == 0) break;
        const size_t first = random() % count;
        const size_t length = 1 + random() % std::min<size_t>(3, count - first);
        const auto from = view.segments().subspan(first, length);
        auto sealed = sealer_.Seal(view.options(), from, {.ef_construction = 16});
        ASSERT_TRUE(sealed.ok()) << sealed.status();
        for (int i = 0; i < 3; ++i) {
          const uint64_t begin = random() % (next + 1);
          const uint64_t end = begin + random() % 20;
          writer->Delete({begin, end});
          std::erase_if(live, [&](uint64_t o) { return begin <= o && o < end; });
          if (random() % 2 == 0) writer->Publish();
        }
        ASSERT_TRUE(writer->Replace(from, *sealed).ok());
        break;
      }
    }
    ASSERT_EQ(writer->live_rows(), live.size()) << "step " << step;
    if (step % 4 != 0) continue;
    const IndexView view = writer->Publish();
    ASSERT_EQ(Live(view), live) << "step " << step;
    if (live.empty()) continue;
    const uint64_t wanted = live[random() % live.size()];
    const Vector query = VectorOf(wanted);
    SearchScratch scratch;
    const auto found =
        Search(view, {.queries = query, .k = 1, .target_recall = 1}, Call::Background(), scratch);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->hits[0].ordinal, wanted);
  }
}

}  // namespace
}  // namespace kith::index
