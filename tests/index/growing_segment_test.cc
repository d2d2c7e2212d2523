#include "index/growing_segment.h"

#include <cstdlib>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/index/data.h"

// Segments take rows' memory by this form of new; a test can make it fail. (ThreadSanitizer keeps
// it for itself.)
#ifdef __has_feature
#define KITH_TEST_HAS_FEATURE(name) __has_feature(name)
#else
#define KITH_TEST_HAS_FEATURE(name) 0
#endif
#if !KITH_TEST_HAS_FEATURE(thread_sanitizer)
#define KITH_TEST_OWN_NEW 1

namespace {
bool no_memory = false;
}  // namespace

void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const size_t a = static_cast<size_t>(alignment);
  return no_memory ? nullptr : std::aligned_alloc(a, (size + a - 1) / a * a);
}
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }

#endif

namespace kith::index {
namespace {

TEST(GrowingSegmentTest, NearlyEmptyOnesStaySmallAtEveryDimension) {
  for (uint32_t dimension : {1u, 8u, 100u, 384u, 768u, 1024u, 1536u, 3072u, 4096u}) {
    GrowingSegment segment(Metric::kCosine, dimension);
    EXPECT_EQ(segment.memory_bytes(), 0u);
    ASSERT_TRUE(segment.Reserve(1).ok());
    EXPECT_LE(segment.memory_bytes() + sizeof(segment), 64u << 10) << dimension;
  }
}

TEST(GrowingSegmentTest, CapacityIsRowsOrBytesWhicheverIsLess) {
  EXPECT_EQ(GrowingSegment(Metric::kDot, 1).capacity(), 8192u);
  EXPECT_EQ(GrowingSegment(Metric::kDot, 384).capacity(), 8192u);
  EXPECT_EQ(GrowingSegment(Metric::kDot, 512).capacity(), 8192u);
  EXPECT_EQ(GrowingSegment(Metric::kDot, 513).capacity(), (16u << 20) / (528 * 4));
  EXPECT_EQ(GrowingSegment(Metric::kDot, 4096).capacity(), 1024u);
}

TEST(GrowingSegmentTest, EveryRowUpToCapacityIsFoundAgainWhereItWasPut) {
  for (uint32_t dimension : {1u, 5u, 17u, 100u, 513u, 4096u}) {
    GrowingSegment segment(Metric::kL2, dimension);
    const uint32_t rows = segment.capacity();
    Vector vector(dimension);
    for (uint32_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(segment.Reserve(1).ok());
      for (uint32_t j = 0; j < dimension; ++j) vector[j] = static_cast<float>(i + j);
      segment.Append(uint64_t{10} + 3 * i, i % 4, vector);
    }
    ASSERT_EQ(segment.size(), rows);
    // Doubling and then full chunks waste less than one full chunk.
    const size_t row_bytes = segment.exact_stride() * 4 + segment.code_stride() + sizeof(RowInfo);
    EXPECT_LE(segment.memory_bytes(), rows * row_bytes + (1u << 20)) << dimension;

    uint32_t seen = 0;
    while (seen < rows) {
      const GrowingSegment::Run run = segment.RunAt(seen, rows);
      ASSERT_EQ(run.first, seen);
      ASSERT_GT(run.count, 0u);
      ASSERT_LE(run.count, rows - seen);
      for (uint32_t r = 0; r < run.count; ++r, ++seen) {
        const float* exact = run.exact + r * segment.exact_stride();
        ASSERT_EQ(exact, segment.Exact(seen));
        ASSERT_EQ(run.codes + r * segment.code_stride(), segment.Codes(seen));
        ASSERT_EQ(&run.info[r], &segment.Info(seen));
        ASSERT_EQ(reinterpret_cast<uintptr_t>(exact) % 64, 0u);
        ASSERT_EQ(exact[0], static_cast<float>(seen));
        ASSERT_EQ(exact[dimension - 1], static_cast<float>(seen + dimension - 1));
        for (size_t j = dimension; j < segment.exact_stride(); ++j) ASSERT_EQ(exact[j], 0.0f);
        for (size_t j = dimension; j < segment.code_stride(); ++j) {
          ASSERT_EQ(segment.Codes(seen)[j], 0);
        }
        ASSERT_EQ(run.info[r].ordinal, 10 + 3 * seen);
        ASSERT_EQ(run.info[r].document(), 10 + 3 * seen - seen % 4);
      }
    }
  }
}

TEST(GrowingSegmentTest, RowsNeverMove) {
  GrowingSegment segment(Metric::kCosine, 100);
  ASSERT_TRUE(segment.Reserve(1).ok());
  segment.Append(0, 0, Vector(100, 1.0f));
  const float* first = segment.Exact(0);
  ASSERT_TRUE(segment.Reserve(segment.capacity() - 1).ok());
  EXPECT_EQ(segment.Exact(0), first);
}

TEST(GrowingSegmentTest, LowerBoundSearchesVisibleRowsOnly) {
  GrowingSegment segment(Metric::kDot, 2);
  ASSERT_TRUE(segment.Reserve(100).ok());
  for (uint32_t i = 0; i < 100; ++i) segment.Append(100 + 2 * i, 0, Vector{1, 2});
  EXPECT_EQ(segment.LowerBound(0, 50), 0u);
  EXPECT_EQ(segment.LowerBound(100, 50), 0u);
  EXPECT_EQ(segment.LowerBound(101, 50), 1u);
  EXPECT_EQ(segment.LowerBound(198, 50), 49u);
  EXPECT_EQ(segment.LowerBound(199, 50), 50u);
  EXPECT_EQ(segment.LowerBound(199, 100), 50u);
}

TEST(GrowingSegmentTest, ReserveSaysBeforehandWhatItTakes) {
  GrowingSegment segment(Metric::kCosine, 384);
  for (uint32_t rows : {1u, 10u, 100u, 1000u, 8192u}) {
    const size_t before = segment.memory_bytes();
    const size_t announced = segment.BytesToReserve(rows);
    ASSERT_TRUE(segment.Reserve(rows).ok());
    EXPECT_EQ(segment.memory_bytes() - before, announced) << rows;
    EXPECT_EQ(segment.BytesToReserve(rows), 0u);
  }
}

#ifdef KITH_TEST_OWN_NEW
TEST(GrowingSegmentTest, NoMemoryIsAStatusAndLeavesTheSegmentUsable) {
  GrowingSegment segment(Metric::kCosine, 8);
  ASSERT_TRUE(segment.Reserve(1).ok());
  no_memory = true;
  const absl::Status status = segment.Reserve(8192);
  no_memory = false;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(status).reason, "MEMORY_BUDGET");
  segment.Append(5, 0, Vector(8, 1.0f));
  EXPECT_EQ(segment.Info(0).ordinal, 5u);
  EXPECT_TRUE(segment.Reserve(8191).ok());
}
#endif

}  // namespace
}  // namespace kith::index
