// Linear layers of every instruction set and precision, over shapes around the tiles' sizes,
// against the formula in double on the weights as the precision keeps them.

#include "encoder/gemm.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "encoder/half.h"
#include "encoder/kernels/dispatch.h"
#include "gtest/gtest.h"

namespace kith::encoder {
namespace {

constexpr uint32_t kSeed = 31;

std::vector<float> Random(size_t count, std::mt19937* random) {
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& x : numbers) x = normal(*random);
  return numbers;
}

struct Case {
  const Kernels* kernels;
  Precision precision;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Kernels* kernels : AvailableKernels()) {
    for (const Precision precision :
         {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
      cases.push_back({kernels, precision});
    }
  }
  return cases;
}

// What the formula gives, and by how much rounding may move it.
struct Expected {
  double value, tolerance;
};

class LinearTest : public ::testing::TestWithParam<Case> {
 protected:
  Arithmetic arithmetic() const { return {GetParam().kernels, GetParam().precision}; }

  // A weight as the precision keeps it; `scale`: of its output, for int8.
  double Kept(float weight, float scale) const {
    switch (GetParam().precision) {
      case Precision::kFloat32:
        return weight;
      case Precision::kBfloat16:
        return FloatFromBf16(Bf16FromFloat(weight));
      case Precision::kInt8:
        return scale == 0 ? 0 : std::lrint(weight / scale) * static_cast<double>(scale);
    }
    return 0;
  }

  Expected Sum(const float* x, const float* w, float bias, int k) const {
    float largest = 0;
    for (int i = 0; i < k; ++i) largest = std::max(largest, std::fabs(w[i]));
    double sum = bias, size = std::fabs(bias), weights = 0;
    for (int i = 0; i < k; ++i) {
      const double kept = Kept(w[i], largest / 127);
      sum += x[i] * kept;
      size += std::fabs(x[i] * kept);
      weights += std::fabs(kept);
    }
    switch (GetParam().precision) {
      case Precision::kFloat32:
        return {sum, 2e-6 * size};
      case Precision::kBfloat16:  // each activation by at most half of its last of 8 bits
        return {sum, size / 256};
      case Precision::kInt8: {  // each activation by at most half a step
        const auto [min, max] = std::minmax_element(x, x + k);
        return {sum, (*max - *min) / 255 * 0.51 * weights + 3e-6 * size};
      }
    }
    return {sum, 0};
  }

  void ExpectProduct(int m, int n, int k, Epilogue epilogue) {
    SCOPED_TRACE(::testing::Message()
                 << m << " x " << n << " x " << k << ", epilogue " << static_cast<int>(epilogue));
    const auto x = Random(static_cast<size_t>(m * k), &random_);
    const auto w = Random(static_cast<size_t>(n * k), &random_);
    const auto bias = Random(static_cast<size_t>(n), &random_);
    constexpr float kCanary = 77;
    std::vector<float> y(static_cast<size_t>(m * n) + 16, kCanary);
    const auto before = Random(static_cast<size_t>(m * n), &random_);
    std::copy(before.begin(), before.end(), y.begin());
    const LinearWeights weights(w.data(), bias.data(), n, k, arithmetic());
    EXPECT_EQ(weights.outputs(), n);
    EXPECT_EQ(weights.inputs(), k);
    LinearScratch scratch(m, k);
    ASSERT_TRUE(weights.Apply(x.data(), m, epilogue, y.data(), &scratch).ok());
    for (int i = 0; i < m * n; ++i) {
      const auto [sum, tolerance] =
          Sum(x.data() + i / n * k, w.data() + i % n * k, bias[static_cast<size_t>(i % n)], k);
      double expected = sum;
      if (epilogue == Epilogue::kAdd) expected += before[static_cast<size_t>(i)];
      if (epilogue == Epilogue::kGelu) expected = 0.5 * sum * std::erfc(-sum / std::sqrt(2.0));
      if (epilogue == Epilogue::kGeluTanh) {
        expected =
            0.5 * sum * (1 + std::tanh(std::sqrt(2 / M_PI) * (sum + 0.044715 * sum * sum * sum)));
      }
      if (epilogue == Epilogue::kRelu) expected = std::max(sum, 0.0);
      // The activations' slope is at most 1.13.
      ASSERT_NEAR(y[static_cast<size_t>(i)], expected,
                  1.2 * tolerance + 2e-6 * (1 + std::fabs(sum)))
          << "at " << i;
    }
    for (size_t i = static_cast<size_t>(m * n); i < y.size(); ++i) ASSERT_EQ(y[i], kCanary);
  }

  std::mt19937 random_{kSeed};
};

TEST_P(LinearTest, EveryNumberOfRowsAroundTheTileMatchesTheFormula) {
  for (int m = 1; m <= 26; ++m) ExpectProduct(m, 37, 19, Epilogue::kStore);
}

TEST_P(LinearTest, EveryNumberOfOutputsAroundThePanelMatchesTheFormula) {
  for (int n = 1; n <= 66; ++n) ExpectProduct(5, n, 8, Epilogue::kAdd);
}

TEST_P(LinearTest, EveryDepthAroundTheGroupMatchesTheFormula) {
  for (int k = 1; k <= 35; ++k) ExpectProduct(7, 17, k, Epilogue::kStore);
}

TEST_P(LinearTest, DepthsOfSeveralPartsMatchTheFormula) {
  for (const int k : {383, 384, 385, 777, 1023, 1537, 3074, 5001}) {
    ExpectProduct(3, 20, k, Epilogue::kAdd);
    ExpectProduct(4, 35, k, Epilogue::kGelu);
  }
}

TEST_P(LinearTest, EveryEpilogueMatchesItsFormula) {
  for (const Epilogue epilogue :
       {Epilogue::kStore, Epilogue::kAdd, Epilogue::kGelu, Epilogue::kGeluTanh, Epilogue::kRelu}) {
    ExpectProduct(13, 50, 24, epilogue);
  }
}

TEST_P(LinearTest, ZerosAndEqualNumbersStayExact) {
  const std::vector<float> w(3 * 5, 0.0f), bias = {1, 2, 3}, x(2 * 5, 4.0f);
  const LinearWeights weights(w.data(), bias.data(), 3, 5, arithmetic());
  LinearScratch scratch(2, 5);
  std::vector<float> y(6, NAN);
  ASSERT_TRUE(weights.Apply(x.data(), 2, Epilogue::kStore, y.data(), &scratch).ok());
  EXPECT_EQ(y, (std::vector<float>{1, 2, 3, 1, 2, 3}));
}

TEST_P(LinearTest, WhatIsNotFiniteDoesNotLookLikeANumber) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (int place = 0; place < 21; place += 5) {
      std::vector<float> x(21, 1.0f), w(21, 0.5f), y(1);
      x[static_cast<size_t>(place)] = bad;
      const float bias = 0;
      const LinearWeights weights(w.data(), &bias, 1, 21, arithmetic());
      LinearScratch scratch(1, 21);
      ASSERT_TRUE(weights.Apply(x.data(), 1, Epilogue::kStore, y.data(), &scratch).ok());
      EXPECT_FALSE(std::isfinite(y[0])) << bad << " at " << place;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearTest, ::testing::ValuesIn(AllCases()), [](const auto& info) {
  return std::string(info.param.kernels->name) + "_" +
         std::string(PrecisionName(info.param.precision));
});

}  // namespace
}  // namespace kith::encoder
