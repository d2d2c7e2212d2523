#include "client/cpp/vector.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "client/cli/vector_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/support/temp_folder.h"

namespace kith::client {
namespace {

using testing::ElementsAre;

TEST(VectorTest, PackedFloatsComeBackBitByBit) {
  const std::vector<float> values = {0, -0.0f, 1.5f, -3e38f,
                                     std::numeric_limits<float>::denorm_min()};
  const v1::Vector vector = PackVector(values);
  EXPECT_EQ(vector.dimension(), 5u);
  EXPECT_EQ(vector.f32_le().substr(8, 4), std::string("\0\0\xc0\x3f", 4));  // 1.5, little-endian
  const auto unpacked = UnpackVector(vector).value();
  EXPECT_EQ(unpacked, values);
  EXPECT_TRUE(std::signbit(unpacked[1]));
}

TEST(VectorTest, HalvesAndBytesAreWidened) {
  v1::Vector vector;
  // 1, -2, 65504 (the largest), 2^-24 (the smallest), infinity.
  vector.set_f16_le(std::string("\x00\x3c\x00\xc0\xff\x7b\x01\x00\x00\x7c", 10));
  EXPECT_THAT(UnpackVector(vector).value(), ElementsAre(1, -2, 65504, std::ldexp(1.0f, -24),
                                                        std::numeric_limits<float>::infinity()));
  vector.set_i8(std::string("\x7f\x80\xff", 3));
  EXPECT_THAT(UnpackVector(vector).value(), ElementsAre(127, -128, -1));
  vector.clear_packed();
  vector.add_values(0.5f);
  EXPECT_THAT(UnpackVector(vector).value(), ElementsAre(0.5f));
}

TEST(VectorTest, BytesThatDoNotFitTheDimensionAreRefused) {
  v1::Vector vector;
  vector.set_f32_le("12345");
  EXPECT_EQ(DetailsOf(UnpackVector(vector).status()).reason, reason::kDimensionMismatch);
  vector.set_f32_le("12345678");
  vector.set_dimension(3);
  EXPECT_EQ(DetailsOf(UnpackVector(vector).status()).reason, reason::kDimensionMismatch);
  vector.set_dimension(2);
  EXPECT_TRUE(UnpackVector(vector).ok());
}

TEST(VectorFileTest, AListOrAnEmbeddingsLineIsRead) {
  TempFolder folder;
  for (const char* text : {"[1, 2.5]", "{\"tokens\": 3, \"embedding\": [1, 2.5]}\n"}) {
    const auto vector = cli::ReadVector(folder.Write("v", text));
    ASSERT_TRUE(vector.ok()) << vector.status();
    EXPECT_THAT(UnpackVector(*vector).value(), ElementsAre(1, 2.5f));
  }
  for (const char* text : {"", "{}", "1", "[1, \"2\"]", "[1,", "[1] [2]"}) {
    EXPECT_EQ(cli::ReadVector(folder.Write("v", text)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

}  // namespace
}  // namespace kith::client
