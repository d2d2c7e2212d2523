#include "encoder/pooling.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

// Three tokens of two numbers.
const std::vector<float> kTokens = {1, -1, 4, -5, -2, 3};

std::vector<float> Pooled(Pooling pooling, int num_tokens = 3) {
  std::vector<float> out(2);
  Pool(pooling, kTokens.data(), num_tokens, 2, out.data());
  return out;
}

TEST(PoolingTest, EachModeDoesWhatItsNameSays) {
  EXPECT_THAT(Pooled(Pooling::kMean), ElementsAre(1, -1));
  EXPECT_THAT(Pooled(Pooling::kCls), ElementsAre(1, -1));
  EXPECT_THAT(Pooled(Pooling::kMax), ElementsAre(4, 3));
  EXPECT_THAT(Pooled(Pooling::kLastToken), ElementsAre(-2, 3));
}

TEST(PoolingTest, OneTokenIsItsOwnEmbedding) {
  for (const Pooling pooling :
       {Pooling::kMean, Pooling::kCls, Pooling::kMax, Pooling::kLastToken}) {
    EXPECT_THAT(Pooled(pooling, 1), ElementsAre(1, -1)) << PoolingName(pooling);
  }
}

TEST(PoolingTest, NormaliseMakesLengthOneAndLeavesZerosAlone) {
  std::vector<float> vector = {3, 0, -4};
  Normalise(vector.data(), 3);
  EXPECT_THAT(vector, ElementsAre(FloatEq(0.6f), 0, FloatEq(-0.8f)));
  // The squares of these would not fit into float32.
  vector = {3e30f, 0, -4e30f};
  Normalise(vector.data(), 3);
  EXPECT_THAT(vector, ElementsAre(FloatEq(0.6f), 0, FloatEq(-0.8f)));
  vector = {0, 0, 0};
  Normalise(vector.data(), 3);
  EXPECT_THAT(vector, ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace kith::encoder
