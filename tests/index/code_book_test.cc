#include "index/codes/code_book.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/codes/code_levels.h"
#include "index/codes/code_query.h"
#include "index/codes/half.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

constexpr CodeKind kKinds[] = {CodeKind::kInt4, CodeKind::kInt8, CodeKind::kF16, CodeKind::kF32};

std::vector<Vector> Rows(Family family, uint32_t dimension, size_t count, uint64_t seed = 5) {
  VectorMaker maker(family, dimension, seed);
  std::vector<Vector> rows;
  for (size_t i = 0; i < count; ++i) rows.push_back(maker.Next());
  return rows;
}

std::vector<const float*> Pointers(const std::vector<Vector>& rows) {
  std::vector<const float*> pointers;
  for (const Vector& row : rows) pointers.push_back(row.data());
  return pointers;
}

CodeBook LearnBook(CodeKind kind, Metric metric, const std::vector<Vector>& rows) {
  return CodeBook::Learn(kind, metric, static_cast<uint32_t>(rows[0].size()), Pointers(rows),
                         BestKernels());
}

std::vector<std::byte> Encode(const CodeBook& book, const Vector& row) {
  std::vector<std::byte> code(book.row_bytes());
  book.Encode(row.data(), code.data());
  return code;
}

// --- Levels.

double SquaredError(const std::vector<float>& values, const CodeLevels& levels, int count) {
  double error = 0;
  for (const float x : values) {
    double least = HUGE_VAL;
    for (int c = 0; c < count; ++c) {
      least = std::min(least, std::fabs(x - (levels.low + double{levels.step} * c)));
    }
    error += least * least;
  }
  return error / static_cast<double>(values.size());
}

TEST(CodeLevelsTest, SixteenLevelsOfANormalDistributionComeNearTheKnownOptimum) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(20000);
  for (float& x : values) x = normal(random);
  // A uniform quantiser of 16 levels: step 0.3352, error 0.01154 (Max, 1960).
  const CodeLevels levels = LearnLevels(values, 16);
  EXPECT_NEAR(levels.step, 0.3352, 0.02);
  EXPECT_NEAR(SquaredError(values, levels, 16), 0.01154, 0.0006);
}

TEST(CodeLevelsTest, AFewFarValuesDoNotSpreadTheLevels) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(10000);
  for (float& x : values) x = normal(random);
  values[17] = 20;
  EXPECT_LT(LearnLevels(values, 16).step, 0.5f);
}

TEST(CodeLevelsTest, FewDistinctValuesAreAllMet) {
  for (const std::vector<float>& set :
       {std::vector<float>{5}, {1, 2}, {0, 255}, {-1e9f, 3e9f}, {1e-12f, 2e-12f}, {0, 1, 2, 3}}) {
    std::vector<float> values;
    for (int i = 0; i < 300; ++i) values.push_back(set[static_cast<size_t>(i) % set.size()]);
    const CodeLevels levels = LearnLevels(values, 16);
    const double largest = std::fabs(set.back());
    EXPECT_LE(SquaredError(values, levels, 16), largest * largest * 1e-12) << set.size();
  }
}

// --- Half floats.

TEST(HalfTest, RoundsToTheNearestAndTiesToEven) {
  struct Case {
    float value;
    uint16_t half;
  };
  const Case cases[] = {{0.0f, 0},
                        {-0.0f, 0x8000},
                        {1.0f, 0x3c00},
                        {-2.0f, 0xc000},
                        {65504.0f, 0x7bff},
                        {1 + 0x1p-11f, 0x3c00},      // half-way: to even, down
                        {1 + 3 * 0x1p-11f, 0x3c02},  // half-way: to even, up
                        {1 + 0x1.1p-11f, 0x3c01},    // just over half-way
                        {2047.5f, 0x6800},           // carries into the exponent
                        {0x1p-14f, 0x0400},
                        {0x1p-24f, 0x0001},
                        {0x1p-25f, 0x0000},  // half-way: to even
                        {0x1.8p-24f, 0x0002},
                        {0x1.ff8p-15f, 0x03ff},
                        {0x1.fffp-15f, 0x0400},  // rounds up into the normal ones
                        {-1e-30f, 0x8000}};
  for (const Case& c : cases) EXPECT_EQ(ToHalf(c.value), c.half) << c.value;
}

// --- Rows.

TEST(CodeBookTest, RowsAreAsSmallAsSaid) {
  struct Case {
    CodeKind kind;
    Metric metric;
    uint32_t dimension;
    size_t bytes;
  };
  const Case cases[] = {
      {CodeKind::kInt4, Metric::kCosine, 384, 192}, {CodeKind::kInt4, Metric::kL2, 384, 224},
      {CodeKind::kInt4, Metric::kL2, 784, 416},     {CodeKind::kInt4, Metric::kDot, 1, 32},
      {CodeKind::kInt4, Metric::kL2, 1, 32},        {CodeKind::kInt4, Metric::kL2, 63, 64},
      {CodeKind::kInt8, Metric::kCosine, 384, 384}, {CodeKind::kInt8, Metric::kL2, 100, 128},
      {CodeKind::kF16, Metric::kDot, 384, 768},     {CodeKind::kF16, Metric::kL2, 384, 800},
      {CodeKind::kF32, Metric::kCosine, 384, 1536}, {CodeKind::kF32, Metric::kL2, 4096, 16416}};
  for (const Case& c : cases) {
    EXPECT_EQ(CodeBook::RowBytes(c.kind, c.metric, c.dimension), c.bytes)
        << CodeKindName(c.kind) << " " << MetricName(c.metric) << " " << c.dimension;
  }
}

TEST(CodeBookTest, ARowsErrorIsNearlyAtRightAnglesToTheRow) {
  constexpr uint32_t kDimension = 384;
  const std::vector<Vector> rows = Rows(Family::kGaussian, kDimension, 1000);
  const CodeBook book = LearnBook(CodeKind::kInt4, Metric::kCosine, rows);
  CodeQuery query;
  for (size_t i = 0; i < 100; ++i) {
    query.Prepare(book, rows[i].data(), BestKernels());
    // Without balance these distances to oneself would be some 0.011 +- 0.005.
    EXPECT_NEAR(query.Distance(Encode(book, rows[i]).data()), 0, 0.0015) << i;
  }
}

TEST(CodeBookTest, EncodingStaysWithinTheRow) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const uint32_t dimension : {1u, 2u, 3u, 15u, 16u, 63u, 64u, 65u, 130u}) {
        const std::vector<Vector> rows = Rows(Family::kGaussian, dimension, 10);
        const CodeBook book = LearnBook(kind, metric, rows);
        std::vector<std::byte> code(book.row_bytes() + 64, std::byte{0xab});
        book.Encode(rows[3].data(), code.data() + 32);
        for (size_t i = 0; i < 32; ++i) {
          ASSERT_EQ(code[i], std::byte{0xab});
          ASSERT_EQ(code[code.size() - 1 - i], std::byte{0xab});
        }
      }
    }
  }
}

// --- Bytes.

TEST(CodeBookTest, ABookThatIsReadBackCodesAndScoresAsTheOneThatWasWritten) {
  for (const CodeKind kind : kKinds) {
    for (const Metric metric : kMetrics) {
      for (const Family family : {Family::kGaussian, Family::kHeavyTailed, Family::kHuge}) {
        const std::vector<Vector> rows = Rows(family, 70, 200);
        const CodeBook book = LearnBook(kind, metric, rows);
        const absl::StatusOr<CodeBook> read = CodeBook::Parse(book.Serialize());
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(read->Serialize(), book.Serialize());
        EXPECT_EQ(Encode(*read, rows[7]), Encode(book, rows[7]));
        CodeQuery a, b;
        a.Prepare(book, rows[3].data(), BestKernels());
        b.Prepare(*read, rows[3].data(), BestKernels());
        const std::vector<std::byte> code = Encode(book, rows[7]);
        EXPECT_EQ(a.Distance(code.data()), b.Distance(code.data()));
        EXPECT_EQ(a.Reach(0.5f), b.Reach(0.5f));
      }
    }
  }
}

TEST(CodeBookTest, BytesOfAnotherLengthAreRefused) {
  const std::string bytes =
      LearnBook(CodeKind::kInt4, Metric::kL2, Rows(Family::kGaussian, 9, 20)).Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(CodeBook::Parse(std::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(CodeBook::Parse(bytes + '\0').status().code(), absl::StatusCode::kDataLoss);
}

TEST(CodeBookTest, NumbersOutOfRangeAreRefused) {
  const std::string bytes =
      LearnBook(CodeKind::kInt4, Metric::kL2, Rows(Family::kGaussian, 9, 20)).Serialize();
  const auto put = [&](size_t at, auto value) {
    std::string changed = bytes;
    std::memcpy(changed.data() + at, &value, sizeof value);
    return CodeBook::Parse(changed).status().code();
  };
  const float nan = std::nanf("");
  for (const uint32_t version : {0u, 2u, 0xffffffffu}) {
    EXPECT_EQ(put(0, version), absl::StatusCode::kDataLoss);
  }
  for (const uint32_t kind : {0u, 5u, 0xffffffffu}) {
    EXPECT_EQ(put(4, kind), absl::StatusCode::kDataLoss);
  }
  for (const uint32_t metric : {3u, 0x100u}) {
    EXPECT_EQ(put(8, metric), absl::StatusCode::kDataLoss);
  }
  for (const uint32_t dimension : {0u, 8u, 10u, 4097u, 0xffffffffu}) {
    EXPECT_EQ(put(12, dimension), absl::StatusCode::kDataLoss);
  }
  for (const double unit : {0.0, -1.0, 1e-60, 1e60, HUGE_VAL, std::nan("")}) {
    EXPECT_EQ(put(16, unit), absl::StatusCode::kDataLoss);
  }
  for (const float spread : {-1.0f, HUGE_VALF, nan}) {
    EXPECT_EQ(put(24, spread), absl::StatusCode::kDataLoss);
    EXPECT_EQ(put(28, spread), absl::StatusCode::kDataLoss);
  }
  for (size_t component = 0; component < 27; ++component) {
    for (const float value : {HUGE_VALF, -HUGE_VALF, nan, 2e19f}) {
      EXPECT_EQ(put(32 + 4 * component, value), absl::StatusCode::kDataLoss);
    }
  }
  EXPECT_EQ(put(32 + 4 * 18, -1.0f), absl::StatusCode::kDataLoss) << "a negative step";
}

TEST(CodeBookTest, ABookOfRandomBytesThatIsTakenGivesNoNaN) {
  constexpr uint64_t kSeed = 99;
  std::mt19937_64 random(kSeed);
  size_t taken = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::vector<Vector> rows = Rows(Family::kGaussian, 3, 8);
    const CodeKind kind = kKinds[random() % 4];
    const Metric metric = kMetrics[random() % 3];
    std::string bytes = LearnBook(kind, metric, rows).Serialize();
    // Exponents anywhere, in any of the numbers.
    for (int change = 0; change < 6; ++change) {
      bytes[16 + random() % (bytes.size() - 16)] = static_cast<char>(random());
    }
    const absl::StatusOr<CodeBook> book = CodeBook::Parse(bytes);
    if (!book.ok()) continue;
    ++taken;
    CodeQuery query;
    for (const Vector& row : rows) {
      query.Prepare(*book, row.data(), BestKernels());
      std::vector<std::byte> code = Encode(*book, rows[0]);
      ASSERT_FALSE(std::isnan(query.Distance(code.data()))) << "seed " << kSeed;
      for (std::byte& byte : code) byte = static_cast<std::byte>(random());
      ASSERT_FALSE(std::isnan(query.Distance(code.data()))) << "seed " << kSeed;
      ASSERT_FALSE(std::isnan(query.Reach(0.3f))) << "seed " << kSeed;
    }
  }
  EXPECT_GT(taken, 100u);
}

}  // namespace
}  // namespace kith::index
