#include "index/codes/build_codes.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

struct Coded {
  std::vector<Vector> rows;
  std::vector<const float*> sample;
  std::vector<std::byte> codes;
};

Coded Make(Family family, uint32_t dimension, size_t count) {
  Coded coded;
  VectorMaker maker(family, dimension, 77);
  for (size_t i = 0; i < count; ++i) coded.rows.push_back(maker.Next());
  for (const Vector& row : coded.rows) coded.sample.push_back(row.data());
  return coded;
}

void Encode(const BuildCoder& coder, Coded& coded) {
  coded.codes.resize(coded.rows.size() * coder.row_bytes());
  for (size_t i = 0; i < coded.rows.size(); ++i) {
    coder.Encode(coded.rows[i].data(), coded.codes.data() + i * coder.row_bytes());
  }
}

bool Takes(Metric metric, Family family) {
  return metric != Metric::kCosine || family != Family::kDenormal;
}

TEST(BuildCodesTest, DistancesAreFiniteSymmetricAndZeroToOneself) {
  for (const Metric metric : kMetrics) {
    for (const Family family : kFamilies) {
      if (!Takes(metric, family)) continue;
      for (const uint32_t dimension : {1u, 2u, 31u, 33u, 100u, 384u}) {
        Coded coded = Make(family, dimension, 20);
        const BuildCoder coder(metric, dimension, coded.sample, BestKernels());
        Encode(coder, coded);
        for (size_t a = 0; a < 20; ++a) {
          for (size_t b = 0; b < 20; ++b) {
            const std::byte* code_a = coded.codes.data() + a * coder.row_bytes();
            const std::byte* code_b = coded.codes.data() + b * coder.row_bytes();
            const float distance = coder.Distance(code_a, code_b);
            ASSERT_TRUE(std::isfinite(distance));
            ASSERT_EQ(distance, coder.Distance(code_b, code_a));
            if (a == b && metric != Metric::kDot) {
              ASSERT_EQ(distance, 0);
            }
          }
        }
      }
    }
  }
}

TEST(BuildCodesTest, DistancesAreWithinAFewHundredthsOfTheNorm) {
  constexpr uint32_t kDimension = 200;
  Coded coded = Make(Family::kGaussian, kDimension, 100);
  for (const Metric metric : kMetrics) {
    const BuildCoder coder(metric, kDimension, coded.sample, BestKernels());
    Encode(coder, coded);
    for (size_t b = 1; b < 100; ++b) {
      double dot = 0, aa = 0, bb = 0, mean_square = 0;
      for (uint32_t i = 0; i < kDimension; ++i) {
        dot += double{coded.rows[0][i]} * coded.rows[b][i];
        aa += double{coded.rows[0][i]} * coded.rows[0][i];
        bb += double{coded.rows[b][i]} * coded.rows[b][i];
      }
      for (const Vector& row : coded.rows) {
        for (const float x : row) mean_square += double{x} * x / 100;
      }
      const double expected = metric == Metric::kCosine ? 1 - dot / std::sqrt(aa * bb)
                              : metric == Metric::kDot  ? -dot / mean_square
                                                        : (aa + bb - 2 * dot) / mean_square;
      EXPECT_NEAR(coder.Distance(coded.codes.data(), coded.codes.data() + b * coder.row_bytes()),
                  expected, metric == Metric::kL2 ? 0.06 : 0.03)
          << MetricName(metric) << " " << b;
    }
  }
}

TEST(BuildCodesTest, ABatchGivesTheSameAsOneAtATime) {
  Coded coded = Make(Family::kClustered, 100, 50);
  const BuildCoder coder(Metric::kL2, 100, coded.sample, BestKernels());
  Encode(coder, coded);
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 50; ++i) ids.push_back(i * 7 % 50);
  std::vector<float> distances(50);
  coder.Distances(coded.codes.data(), coded.codes.data(), ids.data(), 50, distances.data());
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(distances[i],
              coder.Distance(coded.codes.data(), coded.codes.data() + ids[i] * coder.row_bytes()));
  }
}

}  // namespace
}  // namespace kith::index
