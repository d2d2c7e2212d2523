#include "index/quantizer.h"

#include <cmath>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "index/code_bounds.h"
#include "index/growing_segment.h"
#include "index/kernels/kernels.h"
#include "index/query.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 7;

TEST(QuantizerTest, ResidualAndNormsDescribeTheCodesOfEveryFamily) {
  for (Family family : kFamilies) {
    for (uint32_t dimension : {1u, 5u, 384u}) {
      const Vector x = VectorMaker(family, dimension, kSeed).Next();
      std::vector<int8_t> codes(dimension);
      const Quantized q = QuantizeRow(x, codes.data());
      long double residual = 0, norm = 0;
      for (uint32_t i = 0; i < dimension; ++i) {
        ASSERT_LE(std::abs(int{codes[i]}), kMaxCode);
        const long double r = x[i] - static_cast<long double>(q.scale) * codes[i];
        ASSERT_LE(std::fabs(r), q.scale * 0.5000001L);
        residual += r * r;
        norm += static_cast<long double>(x[i]) * x[i];
      }
      EXPECT_GE(q.residual, std::sqrt(residual) * (1 - 1e-12L));
      EXPECT_LE(q.residual, std::sqrt(residual) * (1 + 1e-6L) + q.norm * 1e-12L);
      EXPECT_NEAR(q.norm, static_cast<double>(std::sqrt(norm)), q.norm * 1e-12);
    }
  }
}

TEST(QuantizerTest, ZeroVectorsHaveZeroCodes) {
  std::vector<int16_t> codes(9, 5);
  const Quantized q = QuantizeQuery(Vector(9, 0.0f), codes.data());
  EXPECT_EQ(codes, std::vector<int16_t>(9, 0));
  EXPECT_EQ(q.scale, 0);
  EXPECT_EQ(q.residual, 0);
  EXPECT_EQ(q.norm, 0);
}

TEST(QuantizerTest, GreatestComponentsReachTheGreatestCodes) {
  std::vector<int8_t> codes(3);
  QuantizeRow(Vector{-3.0e38f, 3.0e38f, 0.0f}, codes.data());
  EXPECT_EQ(codes, (std::vector<int8_t>{-127, 127, 0}));
  std::vector<int16_t> query(3);
  QuantizeQuery(Vector{1e-45f, -1e-45f, 0.0f}, query.data());
  EXPECT_EQ(query, (std::vector<int16_t>{4095, -4095, 0}));
}

// The law that makes the scan exact: for any row and query the exact score lies between the bounds,
// and MayReach never says no to a floor that the score reaches.
template <typename ScoreBounds>
void ExpectBoundsHold(Metric metric, Family family, uint32_t dimension) {
  SCOPED_TRACE(testing::Message() << MetricName(metric) << " family " << static_cast<int>(family)
                                  << " dimension " << dimension << " seed " << kSeed);
  constexpr uint32_t kRows = 60;
  VectorMaker maker(family, dimension, kSeed);
  GrowingSegment segment(metric, dimension);
  ASSERT_TRUE(segment.Reserve(kRows).ok());
  std::vector<Vector> rows;
  for (uint32_t i = 0; i < kRows; ++i) {
    rows.push_back(maker.Next());
    segment.Append(i, 0, rows.back());
  }
  for (size_t asked = 0; asked < 12; ++asked) {
    const Vector query = asked < 4 ? rows[asked] : maker.Next();
    QuerySet set;
    ASSERT_TRUE(set.Prepare({.dimension = dimension, .metric = metric}, query).ok());
    const ScoreBounds score_bounds(set.queries()[0]);
    for (uint32_t i = 0; i < kRows; ++i) {
      const RowInfo& info = segment.Info(i);
      int32_t product = 0;
      BestKernels().dot_codes(set.queries()[0].codes, segment.Codes(i), segment.code_stride(), 1,
                              &product);
      const float score = set.Score(segment.Exact(i), info.norm);
      const long double oracle = OracleScore(metric, query, rows[i]);
      ASSERT_LE(std::fabs(score - oracle), OracleTolerance(metric, query, rows[i], oracle));
      const Bounds bounds = score_bounds.Of(info, product);
      ASSERT_LE(static_cast<float>(bounds.lower), score);
      ASSERT_GE(static_cast<float>(bounds.upper), score);
      ASSERT_TRUE(score_bounds.MayReach(info, product, ScoreBounds::Limit(score)));
      ASSERT_TRUE(score_bounds.MayReach(info, product, ScoreBounds::Limit(-HUGE_VALF)));
      // And it is of use: a floor clearly above the upper bound is out of reach.
      const double above = bounds.upper + std::fabs(bounds.upper) * 1e-6 + 4e-45;
      if (metric != Metric::kL2 || above <= -1e-5 * info.scale) {
        ASSERT_FALSE(
            score_bounds.MayReach(info, product, ScoreBounds::Limit(static_cast<float>(above))));
      }
    }
  }
}

TEST(CodeBoundsTest, HoldForEveryFamilyMetricAndDimension) {
  for (Family family : kFamilies) {
    for (uint32_t dimension : {1u, 2u, 31u, 32u, 33u, 384u, 4096u}) {
      if (family != Family::kDenormal) {
        ExpectBoundsHold<LinearBounds<Metric::kCosine>>(Metric::kCosine, family, dimension);
      }
      ExpectBoundsHold<LinearBounds<Metric::kDot>>(Metric::kDot, family, dimension);
      ExpectBoundsHold<L2Bounds>(Metric::kL2, family, dimension);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace kith::index
