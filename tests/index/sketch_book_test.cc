// Sketches: what they promise of distances, what scans by them find, and that no bytes are
// believed.

#include "index/codes/sketch_book.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/kernels/kernels.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

constexpr uint32_t kDimension = 200;

// Rows around centres, in few directions strongly and in all of them a little.
std::vector<Vector> ClusteredRows(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<Vector> directions(20, Vector(kDimension));
  for (Vector& direction : directions) {
    for (float& x : direction) x = normal(random);
  }
  std::vector<std::vector<float>> centres(30, std::vector<float>(directions.size()));
  for (std::vector<float>& centre : centres) {
    for (float& x : centre) x = normal(random);
  }
  std::vector<Vector> rows(count, Vector(kDimension));
  for (Vector& row : rows) {
    const std::vector<float>& centre = centres[random() % centres.size()];
    for (float& x : row) x = 0.5f * normal(random);
    for (size_t d = 0; d < directions.size(); ++d) {
      const float along = centre[d] + 0.4f * normal(random);
      for (uint32_t i = 0; i < kDimension; ++i) row[i] += along * directions[d][i];
    }
  }
  return rows;
}

std::vector<const float*> Pointers(const std::vector<Vector>& rows) {
  std::vector<const float*> pointers;
  for (const Vector& row : rows) pointers.push_back(row.data());
  return pointers;
}

double SquaredDistance(Metric metric, const Vector& a, const Vector& b) {
  const Kernels& kernels = BestKernels();
  if (metric == Metric::kL2) return kernels.squared_l2_f32(a.data(), b.data(), kDimension);
  const auto dot = [&](const Vector& x, const Vector& y) {
    return kernels.dot_f32(x.data(), y.data(), kDimension);
  };
  return 2 - 2 * dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

class SketchBookTest : public testing::TestWithParam<Metric> {};

TEST_P(SketchBookTest, HardlyAnyRowIsOutOfReachOfItsDistance) {
  const std::vector<Vector> rows = ClusteredRows(4000, 1);
  const std::vector<Vector> queries = ClusteredRows(4000, 1);
  const std::vector<Vector> sample(rows.begin(), rows.begin() + 1500);
  const SketchBook book =
      SketchBook::Learn(GetParam(), kDimension, Pointers(sample), BestKernels());
  std::vector<std::byte> sketches(rows.size() * SketchBook::RowBytes());
  for (size_t r = 0; r < rows.size(); ++r) {
    book.Encode(rows[r].data(), sketches.data() + r * SketchBook::RowBytes());
  }
  SketchQuery query;
  std::vector<float> distances(rows.size());
  size_t out = 0, far = 0, pairs = 0;
  for (size_t q = 3900; q < queries.size(); ++q) {
    query.Prepare(book, queries[q].data(), BestKernels());
    query.Scan(sketches.data(), rows.size(), distances.data());
    std::vector<double> squares;
    for (const Vector& row : rows) squares.push_back(SquaredDistance(GetParam(), queries[q], row));
    std::vector<double> sorted = squares;
    std::nth_element(sorted.begin(), sorted.begin() + 10, sorted.end());
    const float reach_of_tenth = query.Reach(sorted[10]);
    for (size_t r = 0; r < rows.size(); ++r) {
      out += distances[r] > query.Reach(squares[r]) ? 1 : 0;
      far += distances[r] > reach_of_tenth ? 1 : 0;
      ++pairs;
    }
  }
  // One in two thousand pairs of the sample, and rows outside of it are like it.
  EXPECT_LT(out, pairs / 400);
  EXPECT_GT(far, pairs * 9 / 10) << "and most rows are told to be far";
}

TEST_P(SketchBookTest, WhatIsSerializedIsParsed) {
  const std::vector<Vector> rows = ClusteredRows(300, 2);
  SketchBook book = SketchBook::Learn(GetParam(), kDimension, Pointers(rows), BestKernels());
  book.SetCosts({.sketch_ns = 2.5f, .codes_scored = 300});
  const std::string bytes = book.Serialize();
  const auto parsed = SketchBook::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->Serialize() == bytes);
  EXPECT_EQ(parsed->costs().codes_scored, 300);
  SketchQuery a, b;
  for (const Vector& row : rows) {
    std::byte one[SketchBook::RowBytes()], other[SketchBook::RowBytes()];
    book.Encode(row.data(), one);
    parsed->Encode(row.data(), other);
    ASSERT_TRUE(std::equal(std::begin(one), std::end(one), std::begin(other)));
    a.Prepare(book, rows[0].data(), BestKernels());
    b.Prepare(*parsed, rows[0].data(), BestKernels());
    float at, bt;
    a.Scan(one, 1, &at);
    b.Scan(other, 1, &bt);
    ASSERT_EQ(at, bt);
    ASSERT_EQ(a.Reach(0.5), b.Reach(0.5));
  }
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    EXPECT_FALSE(SketchBook::Parse(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(SketchBook::Parse(bytes + "x").ok());
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string other = bytes;
    other[random() % (i % 2 == 0 ? 40 : other.size())] = static_cast<char>(random());
    const auto damaged = SketchBook::Parse(other);
    if (!damaged.ok()) continue;
    // Refused or safe to use.
    std::byte sketch[SketchBook::RowBytes()];
    damaged->Encode(rows[0].data(), sketch);
    ASSERT_TRUE(damaged->Serialize() == other) << "change " << i;
  }
}

TEST_P(SketchBookTest, RowsThatAreAllAlikeAreAllNear) {
  const std::vector<Vector> rows(50, ClusteredRows(1, 4)[0]);
  const SketchBook book = SketchBook::Learn(GetParam(), kDimension, Pointers(rows), BestKernels());
  SketchQuery query;
  std::byte sketch[SketchBook::RowBytes()];
  book.Encode(rows[0].data(), sketch);
  query.Prepare(book, rows[0].data(), BestKernels());
  float distance;
  query.Scan(sketch, 1, &distance);
  EXPECT_LE(distance, query.Reach(1e-6));
  ASSERT_TRUE(SketchBook::Parse(book.Serialize()).ok());
}

INSTANTIATE_TEST_SUITE_P(Metrics, SketchBookTest, testing::Values(Metric::kCosine, Metric::kL2),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

}  // namespace
}  // namespace kith::index
