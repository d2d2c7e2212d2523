// Diversity and averages, against their definitions.

#include <algorithm>
#include <cmath>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "server/engine/searching/average_query.h"
#include "server/engine/searching/diversify.h"

namespace kith::engine {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;

std::vector<size_t> Pick(const std::vector<float>& scores, const std::vector<float>& vectors,
                         size_t dimension, double lambda, size_t count) {
  auto picked = PickDiverse(scores, vectors, dimension, lambda, count, Call::Background());
  EXPECT_TRUE(picked.ok()) << picked.status();
  return *picked;
}

double Cosine(const float* a, const float* b, size_t dimension) {
  double product = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < dimension; ++i) {
    product += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return aa > 0 && bb > 0 ? product / std::sqrt(aa * bb) : 0;
}

using Examples = std::vector<std::vector<float>>;

absl::StatusOr<std::vector<float>> Average(const Examples& positive, const Examples& negative,
                                           index::Metric metric) {
  return AverageQuery(positive, negative, 2, metric);
}

TEST(DiversifyTest, TakesTheTwinOfAHitLast) {
  const std::vector<float> scores = {1.0f, 0.99f, 0.6f, 0.5f};
  const std::vector<float> vectors = {1, 0, 1, 0.01f, 0.5f, 1, 0, 1};
  EXPECT_THAT(Pick(scores, vectors, 2, 1.0, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Pick(scores, vectors, 2, 0.5, 2), ElementsAre(0, 3));
  EXPECT_EQ(Pick(scores, vectors, 2, 0.5, 100).size(), 4u);
  EXPECT_THAT(Pick({}, {}, 2, 0.5, 3), IsEmpty());
}

TEST(DiversifyTest, EveryHitIsTheBestOfTheDefinitionAndPagesFitTogether) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 50; ++round) {
    const size_t dimension = 1 + random() % 20, pool = 1 + random() % 40;
    std::vector<float> scores(pool), vectors(pool * dimension);
    for (float& score : scores) score = normal(random);
    for (float& value : vectors) value = normal(random);
    if (pool > 3) std::fill_n(vectors.begin(), dimension, 0.0f);  // a vector without direction
    const double lambda = static_cast<double>(random() % 11) / 10;
    const auto picked = Pick(scores, vectors, dimension, lambda, pool);
    // Not a structured binding: clang 14 does not let a lambda refer to one.
    const auto range = std::minmax_element(scores.begin(), scores.end());
    const auto least = range.first, most = range.second;
    const auto value = [&](size_t hit, size_t taken) {
      const double relevance =
          *most > *least ? (double{scores[hit]} - *least) / (double{*most} - *least) : 1;
      double likeness = 0;
      for (size_t i = 0; i < taken; ++i) {
        likeness = std::max(likeness, Cosine(&vectors[hit * dimension],
                                             &vectors[picked[i] * dimension], dimension));
      }
      return lambda * relevance - (1 - lambda) * likeness;
    };
    for (size_t taken = 0; taken < pool; ++taken) {
      for (size_t later = taken + 1; later < pool; ++later) {
        ASSERT_GE(value(picked[taken], taken), value(picked[later], taken) - 1e-5);
      }
    }
    auto page = Pick(scores, vectors, dimension, lambda, pool / 2);
    EXPECT_TRUE(std::equal(page.begin(), page.end(), picked.begin()));
  }
}

TEST(AverageQueryTest, IsTheMeanMovedAwayFromTheNegativeOnes) {
  auto query = Average({{2, 0}, {4, 2}}, {}, index::Metric::kDot);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_THAT(*query, ElementsAre(3, 1));
  query = Average({{2, 0}, {4, 2}}, {{1, 1}}, index::Metric::kL2);
  EXPECT_THAT(*query, ElementsAre(5, 1));
}

TEST(AverageQueryTest, UnderCosineEveryExampleCountsAlikeHoweverLongItIs) {
  // The second example is a document of two passages.
  auto query = Average({{100, 0}, {0, 0.5f, 0, 7}}, {}, index::Metric::kCosine);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_THAT(*query, ElementsAre(FloatNear(0.5f, 1e-6f), FloatNear(0.5f, 1e-6f)));
}

TEST(AverageQueryTest, ExamplesThatCancelOneAnotherOutAreRefused) {
  const auto query = Average({{1, 0}, {-1, 0}}, {}, index::Metric::kCosine);
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailsOf(query.status()).reason, "ZERO_VECTOR");
}

}  // namespace
}  // namespace kith::engine
