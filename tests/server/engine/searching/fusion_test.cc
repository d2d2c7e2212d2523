// What fusing promises: the definitions of RRF and weighted sums, and contributions that add up.

#include "server/engine/searching/fusion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"

namespace kith::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Lists = std::vector<std::vector<index::Hit>>;

std::vector<uint64_t> Ordinals(const std::vector<FusedHit>& hits) {
  std::vector<uint64_t> ordinals;
  for (const FusedHit& hit : hits) ordinals.push_back(hit.hit.ordinal);
  return ordinals;
}

// Two or three lists over a few ordinals, best first, with ties.
Lists RandomLists(std::mt19937& random) {
  Lists lists(2 + random() % 2);
  for (auto& list : lists) {
    std::map<uint64_t, float> rows;
    for (size_t i = random() % 30; i > 0; --i) {
      rows[random() % 60] = static_cast<float>(random() % 20) / 8 - 1;
    }
    for (const auto& [ordinal, score] : rows) list.push_back({ordinal, 0, score});
    std::stable_sort(list.begin(), list.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
  }
  return lists;
}

Fusion RandomFusion(std::mt19937& random, size_t parts) {
  std::vector<double> weights;
  if (random() % 4 != 0) {
    for (size_t i = 0; i < parts; ++i) weights.push_back(static_cast<double>(random() % 1000) / 77);
    weights.front() += 0.25;
  }
  if (random() % 2 == 0) return RrfFusion{1 + static_cast<double>(random() % 100), weights};
  return WeightedFusion{weights, static_cast<WeightedFusion::Normalisation>(random() % 3)};
}

TEST(FusionTest, ReciprocalRanksAreThoseOfTheDefinition) {
  const Lists lists = {{{7, 0, 0.9f}, {3, 0, 0.5f}}, {{3, 0, 11.0f}, {5, 0, 2.0f}}};
  const auto hits = FusionPool(lists).Fuse(RrfFusion{.k = 60, .weights = {0.5, 1}});
  ASSERT_THAT(Ordinals(hits), ElementsAre(3, 5, 7));
  EXPECT_NEAR(hits[0].hit.score, 0.5 / 62 + 1.0 / 61, 1e-8);
  EXPECT_NEAR(hits[1].hit.score, 1.0 / 62, 1e-8);
  EXPECT_NEAR(hits[2].hit.score, 0.5 / 61, 1e-8);
  EXPECT_EQ(hits[0].parts[0].rank, 2u);
  EXPECT_EQ(hits[0].parts[0].score, 0.5f);
  EXPECT_EQ(hits[0].parts[1].rank, 1u);
  EXPECT_EQ(hits[1].parts[0].rank, 0u);
  EXPECT_EQ(hits[1].parts[0].score, std::nullopt);
  EXPECT_EQ(hits[1].parts[0].contribution, 0);
}

TEST(FusionTest, RangesMakeTheBestOneAndTheWorstZero) {
  const Lists lists = {{{1, 0, 30}, {2, 0, 15}, {3, 0, 10}}};
  const auto hits = FusionPool(lists).Fuse(WeightedFusion{.weights = {2}});
  ASSERT_THAT(Ordinals(hits), ElementsAre(1, 2, 3));
  EXPECT_EQ(hits[0].hit.score, 2);
  EXPECT_EQ(hits[1].hit.score, 0.5);
  EXPECT_EQ(hits[2].hit.score, 0);
}

TEST(FusionTest, DeviationsPutTheMeanInTheMiddle) {
  const Lists lists = {{{1, 0, 3}, {2, 0, 2}, {3, 0, 1}}};
  const auto hits = FusionPool(lists).Fuse(
      WeightedFusion{.normalisation = WeightedFusion::Normalisation::kZScore});
  EXPECT_NEAR(hits[1].hit.score, 0.5, 1e-6);
  EXPECT_NEAR(hits[0].hit.score, 0.5 + std::sqrt(1.5) / 6, 1e-6);
}

TEST(FusionTest, ScoresThatAreAllTheSameAreAllTheBest) {
  const Lists lists = {{{1, 0, 4}, {2, 0, 4}}, {{9, 0, 1}}};
  for (const auto how :
       {WeightedFusion::Normalisation::kMinMax, WeightedFusion::Normalisation::kZScore}) {
    for (const FusedHit& hit : FusionPool(lists).Fuse(WeightedFusion{.normalisation = how})) {
      EXPECT_EQ(hit.hit.score, 1);
    }
  }
}

TEST(FusionTest, NothingToFuseIsNothing) {
  EXPECT_THAT(FusionPool(Lists(3)).Fuse(RrfFusion{}), IsEmpty());
  EXPECT_THAT(FusionPool(Lists(2)).Fuse(WeightedFusion{}), IsEmpty());
}

TEST(FusionTest, FilledInRowsAreRankedAmongThoseThatWereFound) {
  const Lists lists = {{{1, 0, 0.9f}, {2, 0, 0.7f}}, {{3, 0, 5}, {4, 0, 4}}};
  FusionPool pool(lists);
  ASSERT_THAT(pool.Missing(0), ElementsAre(3, 4));
  pool.Fill(0, std::vector<std::optional<float>>{0.8f, std::nullopt});
  const auto hits = std::move(pool).Fuse(RrfFusion{});
  std::map<uint64_t, PartScore> part;
  for (const FusedHit& hit : hits) part[hit.hit.ordinal] = hit.parts[0];
  EXPECT_EQ(part[3].rank, 2u);
  EXPECT_TRUE(part[3].filled_in);
  EXPECT_EQ(part[3].score, 0.8f);
  EXPECT_EQ(part[2].rank, 3u);
  EXPECT_FALSE(part[2].filled_in);
  EXPECT_EQ(part[4].rank, 0u);
  EXPECT_EQ(part[4].score, std::nullopt);
}

TEST(FusionTest, WhatDoesNotMatchIsTheWorstOfTheRange) {
  const Lists lists = {{{1, 0, 9}, {2, 0, 6}}, {{3, 0, 1}}};
  FusionPool pool(lists);
  pool.Fill(0, std::vector<std::optional<float>>{std::nullopt}, 0);
  const auto hits = std::move(pool).Fuse(WeightedFusion{.weights = {3, 0}});
  ASSERT_THAT(Ordinals(hits), ElementsAre(1, 2, 3));
  EXPECT_EQ(hits[0].hit.score, 3);
  EXPECT_EQ(hits[1].hit.score, 2);
  EXPECT_EQ(hits[2].hit.score, 0);
  EXPECT_EQ(hits[2].parts[0].rank, 0u);
}

TEST(FusionTest, ContributionsAddUpToTheScoreExactlyAndOrderTheHits) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const Lists lists = RandomLists(random);
    const Fusion fusion = RandomFusion(random, lists.size());
    FusionPool pool(lists);
    if (random() % 2 == 0) {
      for (size_t part = 0; part < lists.size(); ++part) {
        std::vector<std::optional<float>> scores(pool.Missing(part).size());
        for (auto& score : scores) {
          if (random() % 3 != 0) score = static_cast<float>(random() % 100) / 33;
        }
        pool.Fill(part, scores);
      }
    }
    const auto hits = std::move(pool).Fuse(fusion);
    for (size_t i = 0; i < hits.size(); ++i) {
      float forwards = 0, backwards = 0;
      double wide = 0;
      for (const PartScore& part : hits[i].parts) {
        forwards += part.contribution;
        wide += part.contribution;
        EXPECT_EQ(part.score.has_value(), part.rank != 0);
      }
      for (size_t part = lists.size(); part-- > 0;) {
        backwards += hits[i].parts[part].contribution;
      }
      ASSERT_EQ(forwards, hits[i].hit.score);
      ASSERT_EQ(backwards, hits[i].hit.score);
      ASSERT_EQ(wide, hits[i].hit.score);
      if (i == 0) continue;
      ASSERT_TRUE(hits[i - 1].hit.score > hits[i].hit.score ||
                  (hits[i - 1].hit.score == hits[i].hit.score &&
                   hits[i - 1].hit.ordinal < hits[i].hit.ordinal));
    }
  }
}

// A plain implementation, in double and by maps.
std::map<uint64_t, double> Reference(const Lists& lists, const Fusion& fusion) {
  std::map<uint64_t, double> scores;
  for (size_t part = 0; part < lists.size(); ++part) {
    const auto& list = lists[part];
    double sum = 0, squares = 0;
    for (const auto& hit : list) sum += hit.score;
    const double mean = sum / static_cast<double>(list.size());
    for (const auto& hit : list) squares += std::pow(hit.score - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(list.size()));
    for (size_t i = 0; i < list.size(); ++i) {
      double value = 0, weight = 1;
      if (const auto* rrf = std::get_if<RrfFusion>(&fusion)) {
        if (!rrf->weights.empty()) weight = rrf->weights[part];
        value = 1 / (rrf->k + 1 + static_cast<double>(i));
      } else {
        const auto& weighted = std::get<WeightedFusion>(fusion);
        if (!weighted.weights.empty()) weight = weighted.weights[part];
        const double score = list[i].score;
        const double best = list.front().score, worst = list.back().score;
        switch (weighted.normalisation) {
          case WeightedFusion::Normalisation::kNone:
            value = score;
            break;
          case WeightedFusion::Normalisation::kMinMax:
            value = best > worst ? (score - worst) / (best - worst) : 1;
            break;
          case WeightedFusion::Normalisation::kZScore:
            value =
                deviation > 0 ? std::clamp((score - mean) / (6 * deviation) + 0.5, 0.0, 1.0) : 1;
            break;
        }
      }
      scores[list[i].ordinal] += weight * value;
    }
  }
  return scores;
}

TEST(FusionTest, AgreesWithAPlainImplementation) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const Lists lists = RandomLists(random);
    const Fusion fusion = RandomFusion(random, lists.size());
    const auto expected = Reference(lists, fusion);
    const auto hits = FusionPool(lists).Fuse(fusion);
    ASSERT_EQ(hits.size(), expected.size());
    double largest = 0;
    for (const auto& [ordinal, score] : expected) largest = std::max(largest, std::abs(score));
    // Raw scores of several signs may be larger than their sums.
    for (const FusedHit& hit : hits) {
      ASSERT_NEAR(hit.hit.score, expected.at(hit.hit.ordinal), 1e-6 * (largest + 40));
    }
  }
}

TEST(FusionTest, RefusesWeightsThatDoNotFit) {
  const auto reason_of = [](const Fusion& fusion) {
    return DetailsOf(ValidateFusion(fusion, 2)).reason;
  };
  EXPECT_TRUE(ValidateFusion(RrfFusion{}, 2).ok());
  EXPECT_TRUE(ValidateFusion(WeightedFusion{.weights = {0, 1000}}, 2).ok());
  EXPECT_EQ(reason_of(WeightedFusion{.weights = {1}}), "INVALID_REQUEST");
  EXPECT_EQ(reason_of(WeightedFusion{.weights = {0, 0}}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of(WeightedFusion{.weights = {1, 1000.5}}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of(WeightedFusion{.weights = {-1, 1}}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of(RrfFusion{.weights = {1, std::nan("")}}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of(RrfFusion{.k = 0.5}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of(RrfFusion{.k = std::nan("")}), "LIMIT_OUT_OF_RANGE");
}

}  // namespace
}  // namespace kith::engine
