// The measures against values worked out by hand.

#include "tests/models/measures.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace kith::models {
namespace {

TEST(MeasuresTest, SpearmanSeesOnlyTheOrder) {
  const std::vector<double> rising = {1, 2, 3, 4, 5}, cubes = {-8, 0.5, 27, 64, 1e9};
  const std::vector<double> falling = {5, 4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(Spearman(rising, cubes), 1);
  EXPECT_DOUBLE_EQ(Spearman(falling, cubes), -1);
}

TEST(MeasuresTest, SpearmanGivesEqualValuesTheMeanOfTheirRanks) {
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
  const std::vector<double> tied = {10, 20, 20, 30}, distinct = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(Spearman(tied, distinct), 4.5 / std::sqrt(4.5 * 5));
  EXPECT_DOUBLE_EQ(Spearman(distinct, tied), 4.5 / std::sqrt(4.5 * 5));
}

TEST(MeasuresTest, NdcgDiscountsByRankAndGainsByGrade) {
  const double second = 1 / std::log2(3.0);
  EXPECT_DOUBLE_EQ(NdcgAt10(std::vector{3, 1, 0}, {1, 0, 3}), 1);
  EXPECT_DOUBLE_EQ(NdcgAt10(std::vector{0, 1}, {1}), second);
  EXPECT_DOUBLE_EQ(NdcgAt10(std::vector{1, 3}, {3, 1}), (1 + 7 * second) / (7 + second));
  EXPECT_DOUBLE_EQ(NdcgAt10(std::vector{1}, {1, 1}), 1 / (1 + second));
}

TEST(MeasuresTest, NdcgCountsTheFirstTenAlone) {
  std::vector<int> ranked(11, 0);
  ranked[10] = 1;
  EXPECT_DOUBLE_EQ(NdcgAt10(ranked, {1}), 0);
  ranked[9] = 1;
  EXPECT_DOUBLE_EQ(NdcgAt10(ranked, {1}), 1 / std::log2(11.0));
  EXPECT_DOUBLE_EQ(NdcgAt10(std::vector<int>(10, 1), std::vector<int>(25, 1)), 1);
}

}  // namespace
}  // namespace kith::models
