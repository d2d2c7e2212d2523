#include "index/kernels/kernels.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/metric.h"
#include "tests/index/fenced.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 20260101;
const size_t kLengths[] = {0,  1,  2,  3,  4,  5,   7,   8,   9,   15,  16,  17,  31,   32,   33,
                           35, 47, 63, 64, 65, 127, 128, 129, 131, 259, 383, 384, 1027, 4095, 4096};

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
  const Kernels& portable() const { return *AvailableKernels().front(); }

  std::mt19937_64 random_{kSeed};
  std::normal_distribution<float> normal_;
  Fenced a_{1 << 16};
  Fenced b_{1 << 16};
};

TEST_P(KernelsTest, FloatKernelsEqualThePortableOnesBitForBitAtEveryLengthAndMisalignment) {
  for (size_t n : kLengths) {
    for (size_t gap_a = 0; gap_a < 17; ++gap_a) {
      float* a = a_.Last<float>(n, gap_a);
      float* b = b_.Last<float>(n, gap_a * 5 % 17);
      for (size_t i = 0; i < n; ++i) {
        a[i] = normal_(random_) * std::pow(10.0f, static_cast<float>(random_() % 9) - 4);
        b[i] = random_() % 3 == 0 ? a[i] * 1.0000001f : normal_(random_);
      }
      ASSERT_EQ(kernels().dot_f32(a, b, n), portable().dot_f32(a, b, n)) << n << " " << gap_a;
      ASSERT_EQ(kernels().squared_l2_f32(a, b, n), portable().squared_l2_f32(a, b, n))
          << n << " " << gap_a;
    }
  }
}

TEST_P(KernelsTest, FloatKernelsAreWithinRoundingOfLongDouble) {
  for (size_t n : kLengths) {
    float* a = a_.Last<float>(n);
    float* b = b_.Last<float>(n);
    long double dot = 0, magnitude = 0, l2 = 0;
    for (size_t i = 0; i < n; ++i) {
      a[i] = normal_(random_);
      b[i] = normal_(random_);
      const long double product = static_cast<long double>(a[i]) * b[i];
      const long double difference = static_cast<long double>(a[i]) - b[i];
      dot += product;
      magnitude += std::fabs(product);
      l2 += difference * difference;
    }
    EXPECT_LE(std::fabs(kernels().dot_f32(a, b, n) - dot), magnitude * 3e-14L) << n;
    EXPECT_LE(std::fabs(kernels().squared_l2_f32(a, b, n) - l2), l2 * 3e-14L) << n;
  }
}

TEST_P(KernelsTest, FloatKernelsKeepTheWholeRangeOfFloat32) {
  for (float x : {1e-45f, 1.1754944e-38f, 3.4e38f}) {
    const std::vector<float> a(4096, x);
    const std::vector<float> b(4096, -x);
    const double square = static_cast<double>(x) * static_cast<double>(x);
    EXPECT_EQ(kernels().dot_f32(a.data(), b.data(), 4096), -4096 * square);
    EXPECT_EQ(kernels().squared_l2_f32(a.data(), b.data(), 4096), 4 * 4096 * square);
    EXPECT_EQ(kernels().squared_l2_f32(a.data(), a.data(), 4096), 0);
  }
}

TEST_P(KernelsTest, CodeKernelIsExactForAnyNumberOfRowsAndAnyMisalignment) {
  for (size_t n : {32, 64, 96, 128, 384, 416, 4096}) {
    for (size_t rows : {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
      const size_t gap = random_() % 65;
      Fenced room(rows * n + gap + 1);
      int8_t* codes = room.Last<int8_t>(rows * n, gap);
      int16_t* query = a_.Last<int16_t>(n, random_() % 33);
      for (size_t i = 0; i < rows * n; ++i) {
        codes[i] = static_cast<int8_t>(static_cast<int>(random_() % 255) - 127);
      }
      for (size_t i = 0; i < n; ++i) {
        query[i] = static_cast<int16_t>(static_cast<int>(random_() % 8191) - 4095);
      }
      std::vector<int32_t> products(rows + 1, 77);
      kernels().dot_codes(query, codes, n, rows, products.data());
      for (size_t r = 0; r < rows; ++r) {
        int64_t expected = 0;
        for (size_t i = 0; i < n; ++i) expected += int64_t{query[i]} * codes[r * n + i];
        ASSERT_EQ(products[r], expected) << "n " << n << " rows " << rows << " row " << r;
      }
      ASSERT_EQ(products[rows], 77) << "wrote beyond the last row";
    }
  }
}

TEST_P(KernelsTest, CodeKernelDoesNotOverflowAtTheGreatestDimensionAndMagnitude) {
  const std::vector<int16_t> query(kMaxDimension, -kMaxQueryCode);
  for (int code : {kMaxCode, -kMaxCode}) {
    const std::vector<int8_t> codes(kMaxDimension * 5, static_cast<int8_t>(code));
    int32_t products[5];
    kernels().dot_codes(query.data(), codes.data(), kMaxDimension, 5, products);
    for (int32_t product : products) {
      EXPECT_EQ(product, int64_t{kMaxDimension} * -kMaxQueryCode * code);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, KernelsTest, testing::ValuesIn(AvailableKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST(KernelChoiceTest, SetsAreFoundByNameAndTheBestIsTheLast) {
  ASSERT_FALSE(AvailableKernels().empty());
  EXPECT_EQ(AvailableKernels().front()->name, "portable");
  EXPECT_EQ(&BestKernels(), AvailableKernels().back());
  for (const Kernels* kernels : AvailableKernels()) {
    EXPECT_EQ(FindKernels(kernels->name), kernels);
  }
  EXPECT_EQ(FindKernels("avx1024"), nullptr);
}

}  // namespace
}  // namespace kith::index
