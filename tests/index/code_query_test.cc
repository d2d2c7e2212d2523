// What code distances promise, for every kind of codes, metric, and family of vectors that is hard
// on quantisation.

#include "index/codes/code_query.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/codes/code_book.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

constexpr CodeKind kKinds[] = {CodeKind::kInt4, CodeKind::kInt8, CodeKind::kF16, CodeKind::kF32};

struct Coded {
  Coded(CodeKind kind, Metric metric, Family family, uint32_t dimension, size_t count,
        uint64_t seed = 11)
      : rows(Make(family, dimension, count, seed)),
        book(CodeBook::Learn(kind, metric, dimension, Pointers(), BestKernels())),
        codes(count * book.row_bytes()) {
    for (size_t r = 0; r < count; ++r) {
      book.Encode(rows[r].data(), codes.data() + r * book.row_bytes());
    }
  }

  static std::vector<Vector> Make(Family family, uint32_t dimension, size_t count, uint64_t seed) {
    VectorMaker maker(family, dimension, seed);
    std::vector<Vector> rows;
    for (size_t i = 0; i < count; ++i) rows.push_back(maker.Next());
    return rows;
  }

  std::vector<const float*> Pointers() const {
    std::vector<const float*> pointers;
    for (const Vector& row : rows) pointers.push_back(row.data());
    return pointers;
  }

  std::vector<float> Scan(const CodeQuery& query) const {
    std::vector<float> distances(rows.size());
    query.Scan(codes.data(), book.row_bytes(), rows.size(), distances.data());
    return distances;
  }

  std::vector<Vector> rows;
  CodeBook book;
  std::vector<std::byte> codes;
};

float Score(Metric metric, const Vector& a, const Vector& b) {
  return static_cast<float>(OracleScore(metric, a, b));
}

bool Takes(Metric metric, Family family) {
  // Products of denormal numbers are no scores of float32.
  return metric == Metric::kL2 || family != Family::kDenormal;
}

TEST(CodeQueryTest, DistancesAreNumbersForEveryFamilyMetricKindAndDimension) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const Family family : kFamilies) {
        if (!Takes(metric, family)) continue;
        for (const uint32_t dimension : {1u, 2u, 17u, 130u}) {
          const Coded coded(kind, metric, family, dimension, 40);
          CodeQuery query;
          for (size_t q = 0; q < 5; ++q) {
            query.Prepare(coded.book, coded.rows[q].data(), BestKernels());
            for (size_t r = 0; r < 40; ++r) {
              const float distance =
                  query.Distance(coded.codes.data() + r * coded.book.row_bytes());
              const float exact = query.DistanceOf(Score(metric, coded.rows[q], coded.rows[r]));
              ASSERT_TRUE(std::isfinite(distance)) << CodeKindName(kind) << MetricName(metric);
              ASSERT_TRUE(std::isfinite(exact));
              // Terms are of the order of 1, and so is what codes lose at worst.
              ASSERT_NEAR(distance, exact, 0.25 + 0.5 * std::fabs(exact))
                  << CodeKindName(kind) << " " << MetricName(metric) << " family "
                  << static_cast<int>(family) << " dimension " << dimension;
            }
          }
        }
      }
    }
  }
}

TEST(CodeQueryTest, FloatCodesAreAsGoodAsTheirKind) {
  for (const Metric metric : kMetrics) {
    for (const CodeKind kind : {CodeKind::kF16, CodeKind::kF32}) {
      const Coded coded(kind, metric, Family::kGaussian, 100, 200);
      CodeQuery query;
      query.Prepare(coded.book, coded.rows[0].data(), BestKernels());
      const std::vector<float> distances = coded.Scan(query);
      for (size_t r = 0; r < distances.size(); ++r) {
        EXPECT_NEAR(distances[r], query.DistanceOf(Score(metric, coded.rows[0], coded.rows[r])),
                    kind == CodeKind::kF16 ? 1e-3 : 2e-6)
            << CodeKindName(kind) << " " << MetricName(metric) << " " << r;
      }
    }
  }
}

TEST(CodeQueryTest, EveryInstructionSetGivesTheSameDistances) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const uint32_t dimension : {1u, 5u, 64u, 100u, 384u, 1000u, 4096u}) {
        const Coded coded(kind, metric, Family::kClustered, dimension, 21);
        std::vector<float> expected;
        for (const Kernels* kernels : AvailableKernels()) {
          const CodeBook book =
              CodeBook::Learn(kind, metric, dimension, coded.Pointers(), *kernels);
          EXPECT_EQ(book.Serialize(), coded.book.Serialize()) << kernels->name;
          CodeQuery query;
          query.Prepare(coded.book, coded.rows[2].data(), *kernels);
          const std::vector<float> distances = coded.Scan(query);
          if (expected.empty()) expected = distances;
          EXPECT_EQ(distances, expected) << kernels->name << " " << CodeKindName(kind);
        }
      }
    }
  }
}

TEST(CodeQueryTest, GatherGivesWhatScanGives) {
  for (const CodeKind kind : kKinds) {
    const Coded coded(kind, Metric::kL2, Family::kGaussian, 50, 100);
    CodeQuery query;
    query.Prepare(coded.book, coded.rows[2].data(), BestKernels());
    const std::vector<float> scanned = coded.Scan(query);
    for (const size_t n : {0, 1, 2, 3, 4, 5, 31, 100}) {
      std::vector<uint32_t> ids(n);
      for (size_t i = 0; i < n; ++i) ids[i] = static_cast<uint32_t>(i * 37 % 100);
      std::vector<float> distances(n);
      query.Gather(coded.codes.data(), coded.book.row_bytes(), ids.data(), n, distances.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(distances[i], scanned[ids[i]]);
    }
  }
}

TEST(CodeQueryTest, AQueryIsReusedForBooksOfOtherKindsAndDimensions) {
  CodeQuery reused;
  for (const uint32_t dimension : {300u, 7u, 64u}) {
    for (const CodeKind kind : kKinds) {
      const Coded coded(kind, Metric::kCosine, Family::kGaussian, dimension, 20);
      CodeQuery fresh;
      fresh.Prepare(coded.book, coded.rows[0].data(), BestKernels());
      reused.Prepare(coded.book, coded.rows[0].data(), BestKernels());
      EXPECT_EQ(coded.Scan(reused), coded.Scan(fresh));
    }
  }
}

TEST(CodeQueryTest, BooksLearnedFromOneRowOrTwoServeAnyOther) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const size_t learned : {1, 2}) {
        const std::vector<Vector> rows = Coded::Make(Family::kGaussian, 40, 30, 3);
        std::vector<const float*> sample;
        for (size_t i = 0; i < learned; ++i) sample.push_back(rows[i].data());
        const CodeBook book = CodeBook::Learn(kind, metric, 40, sample, BestKernels());
        CodeQuery query;
        query.Prepare(book, rows[29].data(), BestKernels());
        for (const Vector& row : rows) {
          std::vector<std::byte> code(book.row_bytes());
          book.Encode(row.data(), code.data());
          ASSERT_TRUE(std::isfinite(query.Distance(code.data())));
        }
      }
    }
  }
}

// Ten nearest by exact score that are among the best `taken` by code.
double Recall(const Coded& coded, Metric metric, const Vector& vector, size_t taken) {
  CodeQuery query;
  query.Prepare(coded.book, vector.data(), BestKernels());
  const std::vector<float> distances = coded.Scan(query);
  std::vector<float> scores;
  for (const Vector& row : coded.rows) scores.push_back(Score(metric, vector, row));
  std::vector<size_t> by_code(distances.size());
  std::iota(by_code.begin(), by_code.end(), size_t{0});
  std::vector<size_t> by_score = by_code;
  std::sort(by_code.begin(), by_code.end(),
            [&](size_t a, size_t b) { return distances[a] < distances[b]; });
  std::sort(by_score.begin(), by_score.end(),
            [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  size_t found = 0;
  for (size_t i = 0; i < 10; ++i) {
    found += static_cast<size_t>(
        std::count(by_code.begin(), by_code.begin() + static_cast<ptrdiff_t>(taken), by_score[i]));
  }
  return static_cast<double>(found) / 10;
}

TEST(CodeQueryTest, TheNearestAreAmongTheBestByCodeEvenWithoutStructure) {
  struct Case {
    CodeKind kind;
    size_t taken;
    double recall;
  };
  for (const Metric metric : kMetrics) {
    for (const Case& c : {Case{CodeKind::kInt4, 30, 0.98}, Case{CodeKind::kInt8, 15, 0.99},
                          Case{CodeKind::kF16, 12, 0.99}, Case{CodeKind::kF32, 11, 0.999}}) {
      const Coded coded(c.kind, metric, Family::kGaussian, 128, 1500);
      double recall = 0;
      const std::vector<Vector> queries = Coded::Make(Family::kGaussian, 128, 10, 12);
      for (const Vector& query : queries) recall += Recall(coded, metric, query, c.taken) / 10;
      EXPECT_GE(recall, c.recall) << CodeKindName(c.kind) << " " << MetricName(metric);
    }
  }
}

TEST(CodeQueryTest, HardlyAnyRowIsBeyondItsReach) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const Family family : {Family::kGaussian, Family::kClustered, Family::kHeavyTailed,
                                  Family::kMixedNorms, Family::kIntegers}) {
        const Coded coded(kind, metric, family, 96, 250);
        const std::vector<Vector> queries = Coded::Make(family, 96, 20, 12);
        size_t beyond = 0;
        CodeQuery query;
        for (const Vector& vector : queries) {
          query.Prepare(coded.book, vector.data(), BestKernels());
          const std::vector<float> distances = coded.Scan(query);
          for (size_t r = 0; r < distances.size(); ++r) {
            beyond += distances[r] > query.Reach(Score(metric, vector, coded.rows[r]));
          }
        }
        EXPECT_LE(static_cast<double>(beyond) / (20 * 250), 0.005)
            << CodeKindName(kind) << " " << MetricName(metric) << " family "
            << static_cast<int>(family);
      }
    }
  }
}

}  // namespace
}  // namespace kith::index
