// Every instruction set that this machine has, over lengths around the register's width and every
// alignment of a float, against the scalar formulas.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "encoder/kernels/dispatch.h"
#include "encoder/kernels/gemm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::encoder {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kSeed = 20240607;
constexpr float kCanary = -12345.0f;
constexpr size_t kLengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 35, 67, 384};

// rows x stride floats, `offset` floats behind an aligned address, with canaries on both sides.
class Block {
 public:
  Block(size_t count, size_t offset)
      : begin_(16 + offset), count_(count), floats_(count + offset + 32, kCanary) {}
  float* data() { return floats_.data() + begin_; }
  bool CanariesAlive() const {
    return std::all_of(floats_.begin(), floats_.begin() + begin_, IsCanary) &&
           std::all_of(floats_.begin() + begin_ + count_, floats_.end(), IsCanary);
  }

 private:
  static bool IsCanary(float x) { return x == kCanary; }
  std::ptrdiff_t begin_, count_;
  std::vector<float> floats_;
};

std::vector<float> Random(size_t count, float mean, float deviation, std::mt19937* random) {
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = normal(*random);
  return numbers;
}

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  // Calls run(cols, offset) for the whole sweep.
  template <typename Run>
  void Sweep(const Run& run) {
    for (const size_t cols : kLengths) {
      for (size_t offset = 0; offset < 16; offset += offset < 4 ? 1 : 5) {
        SCOPED_TRACE(::testing::Message() << "cols " << cols << ", offset " << offset);
        run(cols, offset);
      }
    }
  }

  const Kernels& kernels() const { return *GetParam(); }
  std::mt19937 random_{kSeed};
};

using BiasFunction = void (*Kernels::*)(float*, size_t, size_t, const float*);

TEST_P(KernelsTest, BiasAndActivationsMatchTheFormulas) {
  constexpr size_t kRows = 3;
  for (const BiasFunction function :
       {&Kernels::add_bias, &Kernels::bias_gelu, &Kernels::bias_gelu_tanh, &Kernels::bias_relu}) {
    for (const float deviation : {0.01f, 1.0f, 30.0f}) {
      Sweep([&](size_t cols, size_t offset) {
        const std::vector<float> input = Random(kRows * cols, 0, deviation, &random_);
        const std::vector<float> bias = Random(cols, 0, 1, &random_);
        std::vector<float> expected = input;
        (kScalarKernels.*function)(expected.data(), kRows, cols, bias.data());
        Block block(input.size(), offset);
        std::copy(input.begin(), input.end(), block.data());
        (kernels().*function)(block.data(), kRows, cols, bias.data());
        for (size_t i = 0; i < input.size(); ++i) {
          const float x = input[i] + bias[i % cols];
          ASSERT_NEAR(block.data()[i], expected[i], 1e-6f * std::max(1.0f, std::fabs(x))) << x;
        }
        ASSERT_TRUE(block.CanariesAlive());
      });
    }
  }
}

TEST_P(KernelsTest, GeluIsExactAlongTheWholeLine) {
  std::vector<float> x;
  for (double value = -40; value <= 40; value += 0.001) x.push_back(static_cast<float>(value));
  std::vector<float> result = x;
  const std::vector<float> no_bias(x.size());
  kernels().bias_gelu(result.data(), 1, result.size(), no_bias.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = 0.5 * x[i] * std::erfc(-x[i] / std::sqrt(2.0));
    ASSERT_NEAR(result[i], exact, 1e-6 * std::max(1.0, std::fabs(exact))) << x[i];
  }
}

TEST_P(KernelsTest, SoftmaxMatchesTheFormula) {
  constexpr size_t kRows = 3;
  for (const float deviation : {0.1f, 3.0f, 1000.0f}) {
    Sweep([&](size_t cols, size_t offset) {
      for (const size_t stride : {cols, cols + 3}) {
        const std::vector<float> input = Random(kRows * stride, 5, deviation, &random_);
        std::vector<float> expected = input;
        kScalarKernels.softmax(expected.data(), kRows, cols, stride);
        Block block(input.size(), offset);
        std::copy(input.begin(), input.end(), block.data());
        kernels().softmax(block.data(), kRows, cols, stride);
        for (size_t i = 0; i < input.size(); ++i) {
          // What lies between the rows is untouched.
          const float tolerance = i % stride < cols ? 1e-6f : 0.0f;
          ASSERT_NEAR(block.data()[i], expected[i], tolerance) << "at " << i;
        }
        ASSERT_TRUE(block.CanariesAlive());
      }
    });
  }
}

TEST_P(KernelsTest, LayerNormMatchesTheFormula) {
  constexpr size_t kRows = 3;
  for (const float mean : {0.0f, 100.0f}) {
    Sweep([&](size_t cols, size_t offset) {
      const std::vector<float> input = Random(kRows * cols, mean, 1, &random_);
      const std::vector<float> gamma = Random(cols, 1, 1, &random_);
      const std::vector<float> beta = Random(cols, 0, 1, &random_);
      // An epsilon of the inputs' own rounding: a row of one column is all rounding otherwise.
      const float eps = 1e-3f;
      std::vector<float> expected = input;
      kScalarKernels.layer_norm(expected.data(), kRows, cols, gamma.data(), beta.data(), eps);
      Block block(input.size(), offset);
      std::copy(input.begin(), input.end(), block.data());
      kernels().layer_norm(block.data(), kRows, cols, gamma.data(), beta.data(), eps);
      for (size_t i = 0; i < input.size(); ++i) {
        // The mean's rounding is divided by the deviation, which is at least sqrt(eps).
        const float tolerance = 2e-6f * (1 + mean) * std::max(1.0f, std::fabs(gamma[i % cols])) *
                                (cols < 8 ? 1 / std::sqrt(eps) : 1);
        ASSERT_NEAR(block.data()[i], expected[i], tolerance) << "at " << i;
      }
      ASSERT_TRUE(block.CanariesAlive());
    });
  }
}

TEST_P(KernelsTest, AttentionMatchesTheFormula) {
  for (const size_t tokens : {1u, 2u, 5u, 6u, 7u, 12u, 13u, 16u, 17u, 31u, 33u, 100u}) {
    for (const size_t head_size : {1u, 3u, 8u, 16u, 17u, 32u, 33u, 64u}) {
      for (const bool biased : {false, true}) {
        SCOPED_TRACE(::testing::Message() << tokens << " tokens, head " << head_size);
        const size_t stride = 3 * head_size + 5, out_stride = head_size + 3;
        const std::vector<float> qkv = Random(tokens * stride + 32, 0, 1, &random_);
        const std::vector<float> bias = Random(2 * tokens - 1, 0, 1, &random_);
        const size_t rounded = (tokens + 31) / 32 * 32;
        std::vector<float> scratch((kAttentionRows + head_size) * rounded, NAN);
        Attention attention = {.queries = qkv.data() + 1,
                               .keys = qkv.data() + 1 + head_size,
                               .values = qkv.data() + 1 + 2 * head_size,
                               .stride = stride,
                               .tokens = tokens,
                               .head_size = head_size,
                               .scale = 0.7f,
                               .bias = biased ? bias.data() + tokens - 1 : nullptr,
                               .scratch = scratch.data(),
                               .out = nullptr,
                               .out_stride = out_stride};
        std::vector<float> expected(tokens * out_stride, kCanary);
        attention.out = expected.data();
        kScalarKernels.attend(attention);
        Block block(tokens * out_stride - 3, 3);
        attention.out = block.data();
        kernels().attend(attention);
        for (size_t i = 0; i < tokens * out_stride - 3; ++i) {
          ASSERT_NEAR(block.data()[i], expected[i], 1e-5f) << "at " << i;
        }
        ASSERT_TRUE(block.CanariesAlive());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllSets, KernelsTest,
                         ::testing::ValuesIn(AvailableKernels().begin(), AvailableKernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST(ChooseKernelsTest, TakesTheFastestUnlessOneIsNamed) {
  EXPECT_EQ(ChooseKernels("").value(), AvailableKernels().back());
  EXPECT_EQ(ChooseKernels("scalar").value(), &kScalarKernels);
  const auto unknown = ChooseKernels("mmx");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()),
              HasSubstr("\"mmx\": this processor runs scalar, vector128"));
}

}  // namespace
}  // namespace kith::encoder
