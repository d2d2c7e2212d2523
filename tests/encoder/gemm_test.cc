#include "encoder/gemm.h"

#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kith::encoder {
namespace {

std::vector<float> Random(size_t count, std::mt19937* random) {
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& x : numbers) x = normal(*random);
  return numbers;
}

struct Shape {
  int m, n, k;
};
constexpr Shape kShapes[] = {{1, 1, 1},    {1, 7, 3},    {5, 1, 9},     {12, 48, 16},
                             {13, 33, 31}, {64, 32, 64}, {128, 96, 48}, {200, 65, 130}};

TEST(GemmTest, LinearWeightsMultiplyByTheTranspose) {
  std::mt19937 random(31);
  for (const auto& [m, n, k] : kShapes) {
    const auto x = Random(static_cast<size_t>(m * k), &random);
    const auto w = Random(static_cast<size_t>(n * k), &random);
    std::vector<float> y(static_cast<size_t>(m * n), NAN);
    const LinearWeights weights(w.data(), n, k);
    EXPECT_EQ(weights.outputs(), n);
    EXPECT_EQ(weights.inputs(), k);
    ASSERT_TRUE(weights.Apply(x.data(), m, y.data()).ok());
    for (int i = 0; i < m * n; ++i) {
      double sum = 0;
      for (int j = 0; j < k; ++j) sum += static_cast<double>(x[i / n * k + j]) * w[i % n * k + j];
      ASSERT_NEAR(y[i], sum, 1e-5 * std::sqrt(k)) << m << " x " << n << " x " << k;
    }
  }
}

TEST(GemmTest, ProductsOfPartsOfLargerMatricesStayInsideThem) {
  std::mt19937 random(32);
  for (const auto& [m, n, k] : kShapes) {
    const int a_stride = k + 3, b_stride = std::max(n, k) + 5, c_stride = n + 2;
    const auto a = Random(static_cast<size_t>(m * a_stride), &random);
    const auto b = Random(static_cast<size_t>(std::max(n, k) * b_stride), &random);
    for (const bool transposed : {false, true}) {
      std::vector<float> c(static_cast<size_t>(m * c_stride), 77.0f);
      const Matrix out = {c.data(), c_stride};
      ASSERT_TRUE((transposed ? MultiplyTransposed(m, n, k, 0.5f, {a.data(), a_stride},
                                                   {b.data(), b_stride}, out)
                              : Multiply(m, n, k, {a.data(), a_stride}, {b.data(), b_stride}, out))
                      .ok());
      for (int row = 0; row < m; ++row) {
        for (int col = 0; col < c_stride; ++col) {
          double sum = 77;
          if (col < n) {
            sum = 0;
            for (int j = 0; j < k; ++j) {
              sum += static_cast<double>(a[row * a_stride + j]) *
                     (transposed ? 0.5 * b[col * b_stride + j] : b[j * b_stride + col]);
            }
          }
          ASSERT_NEAR(c[row * c_stride + col], sum, 1e-5 * std::sqrt(k));
        }
      }
    }
  }
}

}  // namespace
}  // namespace kith::encoder
