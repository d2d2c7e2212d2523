// The kernels that score rows of codes, against sums that are written out here.

#include "index/kernels/code_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/kernels/kernels.h"
#include "tests/index/fenced.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 20260404;
// Bytes of a row: around the blocks of 32, 64 and 256 in which kernels go.
const size_t kRowBytes[] = {32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 416, 512, 544, 2048};
const size_t kCounts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13};

// Rows at the end of fenced room, a query's weights at the end of another.
class CodeRowsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }

  int Random(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<uint64_t>(most - least + 1));
  }

  // Every row, by ids out of order with repetitions, and as they stand.
  std::vector<std::vector<uint32_t>> IdLists(size_t rows) {
    std::vector<uint32_t> ids(rows);
    for (uint32_t& id : ids) id = static_cast<uint32_t>(random_() % std::max<size_t>(rows, 1));
    return {ids, {}};
  }

  CodeWeights Weights(const void* weights, size_t bytes, bool addend, size_t addend_offset) {
    return {.weights = weights,
            .bytes = bytes,
            .scale = -0.0173f,
            .bias = 2.75f,
            .addend_offset = addend ? addend_offset : 0,
            .addend_scale = 0.5f};
  }

  static float Finish(const CodeWeights& query, const unsigned char* row, float sum) {
    volatile float distance = query.scale * sum;  // rounded before the addition
    distance = distance + query.bias;
    if (query.addend_offset != 0) {
      float addend;
      std::memcpy(&addend, row + query.addend_offset, sizeof addend);
      volatile float scaled = query.addend_scale * addend;
      distance = distance + scaled;
    }
    return distance;
  }

  std::mt19937_64 random_{kSeed};
};

enum class Fill { kRandom, kGreatest, kLeast };

TEST_P(CodeRowsTest, IntegerKernelsEqualTheSumWrittenOut) {
  for (const bool int4 : {true, false}) {
    const int most = int4 ? kMaxWeight4 : kMaxWeight8;
    for (const size_t bytes : kRowBytes) {
      for (const Fill fill : {Fill::kRandom, Fill::kGreatest, Fill::kLeast}) {
        for (const size_t count : kCounts) {
          const bool addend = random_() % 2 == 0;
          const size_t stride = bytes + (addend ? 4 : 0);
          const size_t gap = random_() % 65;
          Fenced row_room(count * stride + gap + 1);
          Fenced weight_room(2 * bytes + 1);
          unsigned char* rows = row_room.Last<unsigned char>(count * stride, gap);
          const size_t weight_count = int4 ? 2 * bytes : bytes;
          int8_t* weights = weight_room.Last<int8_t>(weight_count);
          for (size_t i = 0; i < weight_count; ++i) {
            weights[i] = static_cast<int8_t>(fill == Fill::kGreatest ? most
                                             : fill == Fill::kLeast  ? -most
                                                                     : Random(-most, most));
          }
          for (size_t i = 0; i < count * stride; ++i) {
            rows[i] = static_cast<unsigned char>(fill == Fill::kRandom ? Random(0, 255) : 255);
          }
          for (size_t r = 0; addend && r < count; ++r) {
            const float value = static_cast<float>(Random(0, 1000)) / 7;
            std::memcpy(rows + r * stride + bytes, &value, sizeof value);
          }
          const CodeWeights query = Weights(weights, bytes, addend, bytes);
          for (const std::vector<uint32_t>& ids : IdLists(count)) {
            std::vector<float> distances(count + 1, 77);
            (int4 ? kernels().score_int4 : kernels().score_int8)(
                query, rows, stride, ids.empty() ? nullptr : ids.data(), count, distances.data());
            for (size_t r = 0; r < count; ++r) {
              const unsigned char* row = rows + (ids.empty() ? r : ids[r]) * stride;
              int64_t sum = 0;
              for (size_t i = 0; i < bytes; ++i) {
                sum += int4 ? weights[i] * (row[i] & 15) + weights[bytes + i] * (row[i] >> 4)
                            : weights[i] * row[i];
              }
              ASSERT_EQ(distances[r], Finish(query, row, static_cast<float>(sum)))
                  << (int4 ? "int4 " : "int8 ") << bytes << " bytes, row " << r << " of " << count;
            }
            ASSERT_EQ(distances[count], 77) << "wrote beyond the last row";
          }
        }
      }
    }
  }
}

TEST_P(CodeRowsTest, FloatKernelsEqualThePortableOnesBitForBit) {
  const Kernels& portable = *AvailableKernels().front();
  for (const bool f16 : {true, false}) {
    const size_t size = f16 ? 2 : 4;
    for (size_t n = kRowLanes; n <= 20 * kRowLanes; n += kRowLanes) {
      for (const size_t count : kCounts) {
        const size_t gap = random_() % 65;
        Fenced row_room(count * n * size + gap + 1);
        Fenced weight_room(n * sizeof(float));
        unsigned char* rows = row_room.Last<unsigned char>(count * n * size, gap);
        float* weights = weight_room.Last<float>(n);
        std::normal_distribution<float> normal;
        for (size_t i = 0; i < n; ++i) weights[i] = normal(random_);
        for (size_t i = 0; i < count * n; ++i) {
          const float value = normal(random_);
          // Any finite half; half floats below the normal ones too.
          const uint16_t half = static_cast<uint16_t>(Random(0, 0x7bff) | Random(0, 1) << 15);
          std::memcpy(rows + i * size, f16 ? static_cast<const void*>(&half) : &value, size);
        }
        const CodeWeights query = Weights(weights, n * size, false, 0);
        for (const std::vector<uint32_t>& ids : IdLists(count)) {
          std::vector<float> expected(count), distances(count + 1, 77);
          const uint32_t* list = ids.empty() ? nullptr : ids.data();
          (f16 ? portable.score_f16 : portable.score_f32)(query, rows, n * size, list, count,
                                                          expected.data());
          (f16 ? kernels().score_f16 : kernels().score_f32)(query, rows, n * size, list, count,
                                                            distances.data());
          ASSERT_EQ(distances[count], 77) << "wrote beyond the last row";
          distances.pop_back();
          ASSERT_EQ(distances, expected) << (f16 ? "f16 " : "f32 ") << n << " components";
        }
      }
    }
  }
}

double HalfValue(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half >> 15 != 0 ? -magnitude : magnitude;
}

TEST_P(CodeRowsTest, EveryFiniteHalfFloatIsReadAsWhatItStandsFor) {
  std::vector<float> weights(kRowLanes, 0.0f);
  weights[3] = 1;
  for (uint32_t half = 0; half < 0x10000; ++half) {
    if ((half >> 10 & 31) == 31) continue;
    std::vector<uint16_t> row(kRowLanes, 0);
    row[3] = static_cast<uint16_t>(half);
    const CodeWeights query = {.weights = weights.data(),
                               .bytes = 32,
                               .scale = 1,
                               .bias = 0,
                               .addend_offset = 0,
                               .addend_scale = 0};
    float distance;
    kernels().score_f16(query, row.data(), 32, nullptr, 1, &distance);
    ASSERT_EQ(distance, HalfValue(static_cast<uint16_t>(half))) << half;
  }
}

TEST_P(CodeRowsTest, DamagedFloatsGiveTheGreatestDistanceAndNeverNaN) {
  const float kBad[] = {std::numeric_limits<float>::quiet_NaN(),
                        std::numeric_limits<float>::infinity(), 3.4e38f};
  for (const float bad : kBad) {
    for (const size_t count : {1, 4, 5}) {
      std::vector<float> weights(kRowLanes, 1.0f);
      std::vector<float> rows(kRowLanes * count, bad);
      const CodeWeights query = {.weights = weights.data(),
                                 .bytes = 64,
                                 .scale = 1,
                                 .bias = 0,
                                 .addend_offset = 0,
                                 .addend_scale = 0};
      std::vector<float> distances(count);
      kernels().score_f32(query, rows.data(), 64, nullptr, count, distances.data());
      for (const float distance : distances) EXPECT_EQ(distance, kMaxCodeDistance);
    }
  }
}

TEST_P(CodeRowsTest, BuildKernelEqualsTheSumWrittenOut) {
  for (const size_t bytes : kRowBytes) {
    for (const Fill fill : {Fill::kRandom, Fill::kGreatest, Fill::kLeast}) {
      for (const size_t count : kCounts) {
        const size_t stride = bytes + 32;
        const size_t gap = random_() % 65;
        Fenced row_room((count + 1) * stride + gap + 1);
        // What is compared with the others comes first.
        unsigned char* rows = row_room.Last<unsigned char>((count + 1) * stride, gap);
        for (size_t r = 0; r <= count; ++r) {
          BuildRowTail tail = {static_cast<float>(Random(1, 100)) / 64,
                               static_cast<float>(Random(0, 1000)) / 3, 0};
          for (size_t i = 0; i < bytes; ++i) {
            const int code = fill == Fill::kRandom     ? Random(-kMaxBuildCode, kMaxBuildCode)
                             : fill == Fill::kGreatest ? kMaxBuildCode
                                                       : -kMaxBuildCode;
            rows[r * stride + i] = static_cast<unsigned char>(code + kBuildCodeZero);
            tail.sum += code;
          }
          std::memcpy(rows + r * stride + bytes, &tail, sizeof tail);
        }
        const unsigned char* others = rows + stride;
        for (const std::vector<uint32_t>& ids : IdLists(count)) {
          std::vector<float> distances(count + 1, 77);
          kernels().score_build_codes(rows, bytes, others, stride,
                                      ids.empty() ? nullptr : ids.data(), count, distances.data());
          for (size_t r = 0; r < count; ++r) {
            const unsigned char* row = others + (ids.empty() ? r : ids[r]) * stride;
            int64_t sum = 0;
            for (size_t i = 0; i < bytes; ++i) {
              sum += (rows[i] - kBuildCodeZero) * (row[i] - kBuildCodeZero);
            }
            BuildRowTail a, b;
            std::memcpy(&a, rows + bytes, sizeof a);
            std::memcpy(&b, row + bytes, sizeof b);
            volatile float scale = a.scale * b.scale;
            volatile float product = scale * static_cast<float>(sum);
            volatile float addends = a.addend + b.addend;
            ASSERT_EQ(distances[r], addends - product) << bytes << " bytes, row " << r;
          }
          ASSERT_EQ(distances[count], 77) << "wrote beyond the last row";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CodeRowsTest, testing::ValuesIn(AvailableKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace kith::index
