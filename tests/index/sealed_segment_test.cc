// From rows to files and back.

#include "index/sealed_segment.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/recall_curve.h"
#include "index/search.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 7;
constexpr CodeKind kKinds[] = {CodeKind::kInt4, CodeKind::kInt8, CodeKind::kF16, CodeKind::kF32};

std::unique_ptr<IndexWriter> Filled(Metric metric, uint32_t dimension, size_t rows,
                                    uint64_t first = 100, Family family = Family::kGaussian) {
  auto writer = *IndexWriter::Create({.dimension = dimension, .metric = metric});
  VectorMaker maker(family, dimension, kSeed);
  EXPECT_TRUE(writer->Reserve(rows).ok());
  for (size_t i = 0; i < rows; ++i) {
    writer->Append(first + 2 * i, static_cast<uint32_t>(i % 3), maker.Next());
  }
  return writer;
}

TEST(SealedSegmentTest, ShowsTheRowsThatItWasMadeOf) {
  for (const Metric metric : kMetrics) {
    for (const CodeKind kind : kKinds) {
      SCOPED_TRACE(testing::Message() << MetricName(metric) << " " << CodeKindName(kind));
      auto writer = Filled(metric, 33, 700);
      EXPECT_EQ(writer->Delete({110, 130}), 10u);
      writer->CloseGrowing();
      const IndexView view = writer->Publish();
      Sealer sealer;
      const auto sealed =
          sealer.Seal(view.options(), view.segments(), {.range = {90, 5000}, .codes = kind});
      ASSERT_TRUE(sealed.ok()) << sealed.status();
      const SealedSegment& segment = **sealed;
      EXPECT_EQ(segment.rows(), 690u);
      EXPECT_EQ(segment.range(), (OrdinalRange{90, 5000}));
      EXPECT_EQ(segment.codes(), kind);
      EXPECT_FALSE(segment.damaged());
      EXPECT_TRUE(segment.VerifyAll(Call::Background()).ok());
      for (uint32_t slot = 0; slot < segment.rows(); ++slot) {
        const uint64_t i = slot < 5 ? slot : slot + 10;
        ASSERT_EQ(segment.Ordinal(slot), 100 + 2 * i);
        ASSERT_EQ(segment.PassageIndex(slot), i % 3);
        ASSERT_EQ(segment.LowerBound(100 + 2 * i), slot);
        ASSERT_EQ(segment.LowerBound(101 + 2 * i), slot + 1);
      }
      EXPECT_EQ(segment.LowerBound(0), 0u);
      EXPECT_EQ(segment.LowerBound(UINT64_MAX), segment.rows());
    }
  }
}

TEST(SealedSegmentTest, FilesAreAsLongAndKnownAsTheBuildSaid) {
  auto writer = Filled(Metric::kCosine, 16, 300);
  writer->CloseGrowing();
  const IndexView view = writer->Publish();
  Sealer sealer;
  const auto made = sealer.Build(view.options(), view.segments(), {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(ReadAll(made->paths.graph).size(), made->built.graph.size_bytes);
  EXPECT_EQ(ReadAll(made->paths.rows).size(), made->built.rows_file.size_bytes);
  const auto segment = SealedSegment::Open(view.options(), made->paths, Call::Background());
  ASSERT_TRUE(segment.ok()) << segment.status();
  EXPECT_EQ((*segment)->graph_file(), made->built.graph);
  EXPECT_EQ((*segment)->rows_file(), made->built.rows_file);
}

TEST(SealedSegmentTest, OneRowOrTwoMakeASegmentAndNoneMakesNone) {
  for (const Metric metric : kMetrics) {
    for (const size_t rows : {1, 2, 3}) {
      auto writer = Filled(metric, 5, rows);
      Sealer sealer;
      ASSERT_TRUE(sealer.SealAll(*writer).ok());
      const IndexView view = writer->Publish();
      ASSERT_EQ(view.segments().size(), 1u);
      ASSERT_NE(view.segments()[0].sealed, nullptr);
      SearchScratch scratch;
      const Vector query = {1, 2, 3, 4, 5};
      const auto found = Search(view, {.queries = query, .k = 2}, Call::Background(), scratch);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->hits.size(), std::min<size_t>(rows, 2));
    }
    auto writer = Filled(metric, 5, 4);
    EXPECT_EQ(writer->Delete({0, 1000}), 4u);
    // Before Publish, which would drop a closed segment without live rows.
    const IndexView view = writer->Publish();
    Sealer sealer;
    const auto made = sealer.Build(view.options(), view.segments(), {});
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->built.rows, 0u);
    EXPECT_TRUE(ReadAll(made->paths.graph).empty());
    EXPECT_TRUE(ReadAll(made->paths.rows).empty());
  }
}

TEST(SealedSegmentTest, ABuildOfWrongOptionsIsRefused) {
  auto writer = Filled(Metric::kL2, 4, 10);
  writer->CloseGrowing();
  const IndexView view = writer->Publish();
  Sealer sealer;
  const SegmentBuildOptions bad[] = {{.range = {101, 1000}},
                                     {.range = {100, 118}},
                                     {.range = {100, 99}},
                                     {.range = {0, (uint64_t{1} << 32) + 1}},
                                     {.threads = 0},
                                     {.threads = 257},
                                     {.m = 0},
                                     {.ef_construction = 0}};
  for (const SegmentBuildOptions& options : bad) {
    EXPECT_EQ(sealer.Build(view.options(), view.segments(), options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(SealedSegmentTest, ACancelledBuildEndsWithoutASegment) {
  auto writer = Filled(Metric::kL2, 4, 2000);
  writer->CloseGrowing();
  const IndexView view = writer->Publish();
  Sealer sealer;
  Call call;
  call.Cancel();
  EXPECT_EQ(sealer.Build(view.options(), view.segments(), {}, call).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(SealedSegmentTest, AFullDiskEndsTheBuildWithItsError) {
  auto writer = Filled(Metric::kL2, 64, 500);
  writer->CloseGrowing();
  const IndexView view = writer->Publish();
  const auto full = [](size_t room) {
    auto left = std::make_shared<size_t>(room);
    return [left](std::string_view bytes) -> absl::Status {
      if (bytes.size() > *left) {
        return Error(absl::StatusCode::kResourceExhausted, reason::kDiskWatermark, "full");
      }
      *left -= bytes.size();
      return absl::OkStatus();
    };
  };
  constexpr size_t kPlenty = 1 << 30;
  const SegmentBuildOptions options = {.range = {0, 10000}};
  for (const size_t room : {size_t{0}, size_t{5000}, size_t{70000}}) {
    for (const bool rows : {false, true}) {
      const SegmentSinks sinks = {full(rows ? kPlenty : room), full(rows ? room : kPlenty)};
      const auto built =
          BuildSegment(view.options(), view.segments(), options, sinks, Call::Background());
      EXPECT_EQ(built.status().code(), absl::StatusCode::kResourceExhausted) << room;
    }
  }
}

TEST(SealedSegmentTest, EstimatesAreNotBelowWhatIsTaken) {
  for (const uint32_t dimension : {1u, 32u, 384u}) {
    for (const size_t rows : {1, 100, 3000}) {
      auto writer = Filled(Metric::kCosine, dimension, rows);
      writer->CloseGrowing();
      const IndexView view = writer->Publish();
      Sealer sealer;
      const SegmentBuildOptions options;
      const auto made = sealer.Build(view.options(), view.segments(), options);
      ASSERT_TRUE(made.ok()) << made.status();
      const auto segment = SealedSegment::Open(view.options(), made->paths, Call::Background());
      ASSERT_TRUE(segment.ok()) << segment.status();
      const uint64_t estimate = EstimateResidentBytes(view.options(), options, rows);
      EXPECT_LE((*segment)->memory_bytes(), estimate) << dimension << " x " << rows;
      EXPECT_LE(estimate, (*segment)->memory_bytes() * 5 / 4 + (256 << 10));
      EXPECT_LE(made->built.graph.size_bytes + made->built.rows_file.size_bytes,
                EstimateFileBytes(view.options(), options, rows));
      EXPECT_LE(estimate, EstimateBuildBytes(view.options(), options, rows));
    }
  }
}

TEST(SealedSegmentTest, MergesGrowingAndSealedSegmentsWithoutTheDeadRows) {
  for (const Metric metric : kMetrics) {
    Sealer sealer;
    auto writer = Filled(metric, 24, 800);
    ASSERT_TRUE(sealer.SealAll(*writer).ok());
    VectorMaker maker(Family::kClustered, 24, kSeed + 1);
    ASSERT_TRUE(writer->Reserve(400).ok());
    for (uint64_t i = 0; i < 400; ++i) writer->Append(5000 + i, 0, maker.Next());
    EXPECT_EQ(writer->Delete({200, 400}), 100u);
    EXPECT_EQ(writer->Delete({5100, 5150}), 50u);
    writer->CloseGrowing();
    const IndexView before = writer->Publish();
    ASSERT_EQ(before.segments().size(), 2u);
    ASSERT_TRUE(sealer.SealAll(*writer).ok());
    const IndexView after = writer->Publish();
    ASSERT_EQ(after.segments().size(), 1u);
    EXPECT_EQ(after.segments()[0].visible, 1050u);
    EXPECT_EQ(after.live_rows(), before.live_rows());
    SearchScratch scratch;
    for (int i = 0; i < 20; ++i) {
      const Vector query = maker.Next();
      const SearchParams params = {.queries = query, .k = 1050, .exact = true};
      const auto a = Search(before, params, Call::Background(), scratch);
      const auto b = Search(after, params, Call::Background(), scratch);
      ASSERT_TRUE(a.ok() && b.ok());
      ASSERT_EQ(a->hits, b->hits) << "a merge changes no score";
    }
  }
}

}  // namespace
}  // namespace kith::index
