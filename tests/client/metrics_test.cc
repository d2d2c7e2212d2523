#include "client/cli/eval/metrics.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kith::cli {
namespace {

using Ranking = std::vector<std::string>;

// Worked by hand: grades a 3, b 2, c 1, so gains 7, 3, 1; discounts 1, log2(3) = 1.58496, 2.
const Grades kGrades = {{"a", 3}, {"b", 2}, {"c", 1}, {"d", 0}};
constexpr double kIdeal = 7 + 3 / 1.5849625007211562 + 1 / 2.0;  // 9.39278926...

TEST(MetricsTest, NdcgOfTheIdealOrderIsOne) {
  EXPECT_DOUBLE_EQ(NdcgAt(10, Ranking{"a", "b", "c"}, kGrades), 1);
  EXPECT_DOUBLE_EQ(NdcgAt(10, Ranking{"a", "b", "c", "d", "x"}, kGrades), 1);
}

TEST(MetricsTest, NdcgDiscountsByRankAndIgnoresUnjudged) {
  // x (unjudged) first, then b and a: 3 / log2(3) + 7 / 2.
  const double gain = 3 / 1.5849625007211562 + 7 / 2.0;
  EXPECT_NEAR(NdcgAt(10, Ranking{"x", "b", "a"}, kGrades), gain / kIdeal, 1e-12);
  EXPECT_NEAR(NdcgAt(10, Ranking{"x", "b", "a"}, kGrades), 0.57414, 1e-5);
}

TEST(MetricsTest, NdcgCountsTheFirstKOnly) {
  EXPECT_DOUBLE_EQ(NdcgAt(2, Ranking{"x", "y", "a"}, kGrades), 0);
  // The ideal is cut at k as well.
  EXPECT_DOUBLE_EQ(NdcgAt(1, Ranking{"a"}, kGrades), 1);
  EXPECT_DOUBLE_EQ(NdcgAt(1, Ranking{"b"}, kGrades), 3.0 / 7);
}

TEST(MetricsTest, TheIdealIsOverAllJudgedAlsoThoseNotFound) {
  EXPECT_DOUBLE_EQ(NdcgAt(10, Ranking{"b"}, kGrades), 3 / kIdeal);
}

TEST(MetricsTest, RecallIsTheShareOfRelevantDocuments) {
  EXPECT_DOUBLE_EQ(RecallAt(100, Ranking{"x", "c", "d", "a"}, kGrades), 2.0 / 3);
  EXPECT_DOUBLE_EQ(RecallAt(2, Ranking{"x", "c", "d", "a"}, kGrades), 1.0 / 3);
  EXPECT_DOUBLE_EQ(RecallAt(100, Ranking{}, kGrades), 0);
}

TEST(MetricsTest, ReciprocalRankIsOfTheFirstRelevantDocument) {
  EXPECT_DOUBLE_EQ(ReciprocalRankAt(10, Ranking{"d", "x", "c", "a"}, kGrades), 1.0 / 3);
  EXPECT_DOUBLE_EQ(ReciprocalRankAt(2, Ranking{"d", "x", "c"}, kGrades), 0);
}

TEST(MetricsTest, QueriesWithoutRelevantDocumentsAreToldApart) {
  EXPECT_TRUE(HasRelevant(kGrades));
  EXPECT_FALSE(HasRelevant({}));
  EXPECT_FALSE(HasRelevant({{"a", 0}, {"b", -1}}));
  EXPECT_DOUBLE_EQ(NdcgAt(10, Ranking{"a"}, {{"a", 0}}), 0);
  EXPECT_DOUBLE_EQ(RecallAt(10, Ranking{"a"}, {{"a", 0}}), 0);
}

}  // namespace
}  // namespace kith::cli
