// What the merge policy decides, on sizes alone.

#include "server/engine/indexing/merge_policy.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = SegmentFacts::Kind;

// Segments of these sizes, one after the other.
class Facts {
 public:
  Facts& Add(Kind kind, uint64_t rows, uint64_t dead = 0) {
    SegmentFacts& fact = facts_.emplace_back();
    fact.kind = kind;
    fact.begin = facts_.size() > 1 ? facts_[facts_.size() - 2].end : 0;
    fact.end = fact.begin + rows;
    fact.rows = rows;
    fact.live = rows - dead;
    return *this;
  }
  Facts& Sealed(std::initializer_list<uint64_t> sizes) {
    for (const uint64_t rows : sizes) Add(Kind::kSealed, rows);
    return *this;
  }
  Facts& Closed(size_t count, uint64_t rows = 100) {
    for (size_t i = 0; i < count; ++i) Add(Kind::kClosed, rows);
    return *this;
  }
  Facts& Busy() {
    facts_.back().busy = true;
    return *this;
  }
  const std::vector<SegmentFacts>& operator*() const { return facts_; }

 private:
  std::vector<SegmentFacts> facts_;
};

PolicyOptions Options() {
  PolicyOptions options;
  options.merge_factor = 4;
  options.floor_rows = 100;
  return options;
}

BuildPlan Seal(size_t first, size_t count = 1) { return {BuildKind::kSeal, first, count}; }
BuildPlan Merge(size_t first, size_t count) { return {BuildKind::kMerge, first, count}; }

TEST(MergePolicyTest, LeavesAnEmptyIndexAndAnOpenSegmentAlone) {
  EXPECT_THAT(PlanBuilds({}, Options()), IsEmpty());
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100}).Add(Kind::kOpen, 50), Options()), IsEmpty());
}

TEST(MergePolicyTest, SealsWhatIsClosed) {
  EXPECT_THAT(PlanBuilds(*Facts().Closed(1).Add(Kind::kOpen, 5), Options()), ElementsAre(Seal(0)));
}

TEST(MergePolicyTest, SealsABacklogTogetherAndSpreadsItOverThreads) {
  EXPECT_THAT(PlanBuilds(*Facts().Closed(7), Options()), ElementsAre(Seal(0, 4), Seal(4, 3)));
  PolicyOptions options = Options();
  options.threads = 3;
  EXPECT_THAT(PlanBuilds(*Facts().Closed(7), options),
              ElementsAre(Seal(0, 3), Seal(3, 3), Seal(6, 1)));
  EXPECT_THAT(PlanBuilds(*Facts().Closed(2), options), ElementsAre(Seal(0), Seal(1)));
}

TEST(MergePolicyTest, SealsOnEitherSideOfWhatIsSealedOrBusy) {
  EXPECT_THAT(PlanBuilds(*Facts().Closed(2).Sealed({100}).Closed(2).Busy().Closed(1), Options()),
              ElementsAre(Seal(0, 2), Seal(3), Seal(5)));
}

TEST(MergePolicyTest, MergesFourOfALevelAndNotThree) {
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100, 100}), Options()), IsEmpty());
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100, 100, 100}), Options()),
              ElementsAre(Merge(0, 4)));
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({6400, 100, 120, 90, 100, 100}), Options()),
              ElementsAre(Merge(1, 4)));
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({400, 420, 390, 400, 100, 100, 100}), Options()),
              ElementsAre(Merge(0, 4)));
}

TEST(MergePolicyTest, TakesSmallSegmentsForOneLevel) {
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({1, 90, 7, 100}), Options()), ElementsAre(Merge(0, 4)));
}

TEST(MergePolicyTest, DoesNotMergeAcrossWhatIsBusyOrNotSealed) {
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100}).Busy().Sealed({100, 100, 100}), Options()),
              IsEmpty());
  EXPECT_THAT(
      PlanBuilds(*Facts().Sealed({100, 100}).Add(Kind::kOpen, 1).Sealed({100, 100}), Options()),
      IsEmpty());
}

TEST(MergePolicyTest, MergesNothingWhileTooMuchWaitsToBeSealed) {
  PolicyOptions options = Options();
  options.merge = false;
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100, 100, 100}).Closed(1), options),
              ElementsAre(Seal(4)));
}

TEST(MergePolicyTest, RewritesASegmentOnceEnoughOfItIsDead) {
  EXPECT_THAT(PlanBuilds(*Facts().Add(Kind::kSealed, 1000, 250), Options()), IsEmpty());
  EXPECT_THAT(PlanBuilds(*Facts().Add(Kind::kSealed, 1000, 251), Options()),
              ElementsAre(Merge(0, 1)));
  // Not when a merge takes it anyway.
  EXPECT_THAT(PlanBuilds(*Facts().Add(Kind::kSealed, 100, 90).Sealed({100, 100, 100}), Options()),
              ElementsAre(Merge(0, 4)));
}

TEST(MergePolicyTest, KeepsWithinTheLargestSize) {
  PolicyOptions options = Options();
  options.merge_rows_max = 399;
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100, 100, 100}), options), IsEmpty());
  options.force = true;
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({100, 100, 100, 100}), options), ElementsAre(Merge(0, 3)));
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({1000, 100, 100}), options), ElementsAre(Merge(1, 2)));
}

TEST(MergePolicyTest, KeepsWithinTheOrdinalsOfASegment) {
  Facts facts;
  facts.Sealed({100, 100, 100, 100});
  auto wide = *facts;
  for (size_t i = 1; i < wide.size(); ++i) {
    wide[i].begin += (uint64_t{1} << 31) * i;
    wide[i].end += (uint64_t{1} << 31) * i;
  }
  EXPECT_THAT(PlanBuilds(wide, Options()), IsEmpty());
}

TEST(MergePolicyTest, ForcedItMergesEverythingAndDropsTheDead) {
  PolicyOptions options = Options();
  options.force = true;
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({9000, 100, 7}), options), ElementsAre(Merge(0, 3)));
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({9000}), options), IsEmpty());
  EXPECT_THAT(PlanBuilds(*Facts().Add(Kind::kSealed, 9000, 1), options), ElementsAre(Merge(0, 1)));
  options.force_rewrite = false;
  EXPECT_THAT(PlanBuilds(*Facts().Add(Kind::kSealed, 9000, 1), options), IsEmpty());
}

TEST(MergePolicyTest, SettlesWhatMakesTheLargestGrowByHalf) {
  PolicyOptions options = Options();
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({6400, 1600, 1600}), options), IsEmpty());
  options.settle = true;
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({6400, 1600, 1600}), options), ElementsAre(Merge(0, 3)));
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({6400, 100}), options), IsEmpty());
  // Beside the largest, when it cannot be with it.
  EXPECT_THAT(PlanBuilds(*Facts().Sealed({64000, 100, 200}), options), ElementsAre(Merge(1, 2)));
}

// However rows arrive: plans do not overlap, are adjacent and of one kind, and by and by there are
// few segments, for which each row was built few times.
TEST(MergePolicyTest, KeepsSegmentsFewAndRowsSeldomBuilt) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const PolicyOptions options = Options();
  std::vector<SegmentFacts> segments;
  uint64_t written = 0;
  uint64_t built = 0;
  for (int step = 0; step < 2000; ++step) {
    SegmentFacts fact;
    fact.kind = Kind::kClosed;
    fact.rows = fact.live = 50 + random() % 51;
    fact.begin = written;
    fact.end = written += fact.rows;
    segments.push_back(fact);
    for (;;) {
      std::vector<BuildPlan> plans = PlanBuilds(segments, options);
      if (plans.empty()) break;
      std::sort(plans.begin(), plans.end(),
                [](const BuildPlan& a, const BuildPlan& b) { return a.first > b.first; });
      size_t before = segments.size();
      for (const BuildPlan& plan : plans) {
        ASSERT_GE(plan.count, 1U);
        ASSERT_LE(plan.first + plan.count, before);
        before = plan.first;
        SegmentFacts made = segments[plan.first];
        made.kind = Kind::kSealed;
        made.rows = made.live = 0;
        for (size_t i = plan.first; i < plan.first + plan.count; ++i) {
          ASSERT_EQ(segments[i].kind == Kind::kClosed, plan.kind == BuildKind::kSeal);
          made.rows += segments[i].live;
          made.end = segments[i].end;
        }
        made.live = made.rows;
        built += made.rows;
        segments.erase(segments.begin() + static_cast<ptrdiff_t>(plan.first) + 1,
                       segments.begin() + static_cast<ptrdiff_t>(plan.first + plan.count));
        segments[plan.first] = made;
      }
    }
  }
  const double levels = std::log(static_cast<double>(written) / 100) / std::log(4);
  EXPECT_LE(static_cast<double>(segments.size()), 4 * (levels + 1));
  EXPECT_LE(static_cast<double>(built), (levels + 2) * static_cast<double>(written));
}

}  // namespace
}  // namespace kith::engine
