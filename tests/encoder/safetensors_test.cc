#include "encoder/safetensors.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "encoder/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/encoder/model_files.h"

namespace kith::encoder {
namespace {

using ::testing::HasSubstr;
using testing::ModelDir;
using testing::SafetensorsFile;

class SafetensorsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Safetensors> Open(std::string_view content) {
    dir_.Write("model.safetensors", content);
    return Safetensors::Open(dir_.path() / "model.safetensors");
  }
  // Opens a file that must be refused, for the reason of a bad model; returns the sentence.
  std::string Refusal(std::string_view content) {
    const absl::Status status = Open(content).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(DetailsOf(status).reason, reason::kInvalidModel);
    return std::string(status.message());
  }

  ModelDir dir_;
};

// 24 bytes of data for the tables below: a [2, 3] of F32.
constexpr std::string_view kSound = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
const std::string kData(24, '\0');

TEST_F(SafetensorsTest, ReadsAllThreeFloatFormats) {
  const std::vector<float> numbers = {0, -0.0f, 1, -2.5f, 0.125f, 1024, 0x1p-24f, 65504};
  for (const std::string dtype : {"F32", "F16", "BF16"}) {
    std::vector<float> exact = numbers;
    if (dtype == "BF16") exact.back() = 65280;  // 8 bits of mantissa
    const auto file = Open(SafetensorsFile({{"t", {{2, 4}, exact}}}, dtype));
    ASSERT_TRUE(file.ok()) << file.status();
    const TensorEntry& entry = file->tensors().at("t");
    EXPECT_EQ(entry.shape, (std::vector<uint64_t>{2, 4}));
    std::vector<float> read(8);
    ASSERT_TRUE(file->ReadFloats("t", entry, read.data()).ok());
    EXPECT_EQ(read, exact) << dtype;
  }
}

TEST_F(SafetensorsTest, EveryHalfWidensToItsValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const int exponent = (bits >> 10) & 31;
    const double sign = bits & 0x8000 ? -1 : 1, mantissa = bits & 1023;
    const float wide = FloatFromF16(static_cast<uint16_t>(bits));
    if (exponent == 31) {
      ASSERT_EQ(std::isnan(wide), mantissa != 0) << bits;
      ASSERT_EQ(std::isinf(wide), mantissa == 0) << bits;
    } else {
      ASSERT_EQ(wide, sign * (exponent == 0 ? std::ldexp(mantissa, -24)
                                            : std::ldexp(1024 + mantissa, exponent - 25)));
    }
  }
}

TEST_F(SafetensorsTest, MetadataAndEmptyTensorsAreAllowed) {
  const auto file = Open(SafetensorsFile(
      R"({"__metadata__":{"format":"pt"},"none":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
      R"("a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}}   )",
      std::string_view(kData).substr(0, 4)));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->tensors().at("a").count(), 1u);
}

struct BadHeader {
  std::string header;
  std::string sentence;
};

TEST_F(SafetensorsTest, HeadersThatLieAreRefusedWithTheReason) {
  const std::string tail = R"(,"data_offsets":[0,24]}})";
  const std::vector<BadHeader> cases = {
      {"", "not valid JSON"},
      {"[]", "an array where the format has none"},
      {"7", "a number where the format has none"},
      {R"({"a":7})", "a number where the format has none"},
      {R"({"a":{}})", "tensor \"a\": needs dtype, shape and data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2,3]}})", "needs dtype, shape and data_offsets"},
      {std::string(kSound) + "x", "not valid JSON at byte"},
      {std::string(kSound.substr(0, kSound.size() - 1)), "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[[2],3])" + tail, "an array where the format has none"},
      {R"({"a":{"dtype":"F32","shape":[-2,3])" + tail, "a negative number"},
      {R"({"a":{"dtype":"F32","shape":[2.5,3])" + tail, "a fraction"},
      {R"({"a":{"dtype":"F32","shape":[99999999999999999999,3])" + tail, "beyond 64 bits"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,6])" + tail, "more than 8 dimensions"},
      {R"({"a":{"dtype":"F32","shape":[2,3],"shape":[2,3])" + tail, "shape appears twice"},
      {R"({"a":{"dtype":"F32","shape":[2,3],"size":4)" + tail, "unknown key \"size\""},
      {R"({"a":{"dtype":null,"shape":[2,3])" + tail, "null where the format has none"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[2,3])" + tail, "unknown dtype \"F8_E4M3\""},
      {R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0]}})", "must be two numbers"},
      {R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24,9]}})", "a number where"},
      {R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[24,0]}})", "lies at 24..0"},
      {R"({"a":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}})", "the file's data has 24"},
      {R"({"a":{"dtype":"F32","shape":[2,4],"data_offsets":[0,24]}})", "needs 32 bytes"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,24]}})",
       "product overflows"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,6],"data_offsets":[0,24]}})",
       "product overflows"},
      {R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}})", "end at 20"},
      {R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[4,24]}})", "leaving a gap"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
       R"("b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})",
       "tensor \"b\" begins at 8, overlapping another where 12"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
       R"("a":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}})",
       "tensor \"a\" appears twice"},
      {R"({"__metadata__":{"x":[]},"a":{"dtype":"F32","shape":[2,3])" + tail, "an array where"},
      {R"({"__metadata__":{},"__metadata__":{}})", "__metadata__ appears twice"},
      {R"({")" + std::string(2000, 'n') + R"(":{"dtype":"F32","shape":[6])" + tail,
       "name has 2000 bytes"},
      {std::string(100'000, '['), "an array where the format has none"},
      {"{\"a\xff\":1}", "not valid JSON"},
  };
  for (const BadHeader& c : cases) {
    const std::string message = Refusal(SafetensorsFile(c.header, kData));
    EXPECT_THAT(message, HasSubstr("model.safetensors: "));
    EXPECT_THAT(message, HasSubstr(c.sentence)) << c.header.substr(0, 200);
  }
}

TEST_F(SafetensorsTest, TooManyTensorsAreRefusedAndTheLimitIsNot) {
  const auto header = [](size_t count) {
    nlohmann::json root;
    for (size_t i = 0; i < count; ++i) {
      root["t" + std::to_string(i)] = {{"dtype", "U8"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
    }
    return root.dump();
  };
  EXPECT_TRUE(Open(SafetensorsFile(header(Safetensors::kMaxTensors), "")).ok());
  EXPECT_THAT(Refusal(SafetensorsFile(header(Safetensors::kMaxTensors + 1), "")),
              HasSubstr("more than 10000 tensors"));
}

TEST_F(SafetensorsTest, AHeaderLengthBeyondTheFileOrTheLimitIsRefused) {
  const auto with_length = [](uint64_t length) {
    std::string file = SafetensorsFile(kSound, kData);
    file.replace(0, 8, reinterpret_cast<const char*>(&length), 8);
    return file;
  };
  const uint64_t rest = kSound.size() + kData.size();
  for (const uint64_t length : {rest + 1, uint64_t{1} << 32, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    EXPECT_THAT(Refusal(with_length(length)), HasSubstr("the header claims"));
  }
  // Over the limit with a file that is as long.
  std::string long_file = with_length(Safetensors::kMaxHeaderBytes + 1);
  long_file.resize(Safetensors::kMaxHeaderBytes + 100, ' ');
  EXPECT_THAT(Refusal(long_file), HasSubstr("the limit is 16777216"));
}

TEST_F(SafetensorsTest, AFileCutAnywhereIsRefused) {
  const std::string sound = SafetensorsFile(kSound, kData);
  ASSERT_TRUE(Open(sound).ok());
  for (size_t length = 0; length < sound.size(); ++length) {
    EXPECT_FALSE(Refusal(std::string_view(sound).substr(0, length)).empty()) << length;
  }
}

TEST_F(SafetensorsTest, NumbersThatAreNotFiniteAreNamed) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    const auto file = Open(SafetensorsFile({{"t", {{3}, {1, bad, 2}}}}));
    ASSERT_TRUE(file.ok());
    std::vector<float> read(3);
    const absl::Status status = file->ReadFloats("t", file->tensors().at("t"), read.data());
    EXPECT_EQ(DetailsOf(status).reason, reason::kInvalidModel);
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"t\": number 1 of 3 is"));
  }
}

TEST_F(SafetensorsTest, AFileThatShrinksAfterOpeningIsAnError) {
  const auto file = Open(SafetensorsFile(kSound, kData));
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(dir_.path() / "model.safetensors", 80);
  std::vector<float> read(6);
  const absl::Status status = file->ReadFloats("a", file->tensors().at("a"), read.data());
  EXPECT_THAT(std::string(status.message()), HasSubstr("ends at byte 80"));
}

// Whatever becomes of a file's bytes, it is refused or all of what it promises is there.
TEST_F(SafetensorsTest, MutatedFilesAreRefusedOrHold) {
  constexpr uint32_t kSeed = 4711;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::string sound = SafetensorsFile(
      {{"embeddings.word_embeddings.weight", {{4, 3}, std::vector<float>(12, 0.5f)}},
       {"embeddings.LayerNorm.bias", {{3}, {1, 2, 3}}},
       {"x", {{1, 2, 1}, {4, 5}}}});
  constexpr std::string_view kTokens = "{}[]\",:0123456789-.eF36x\\\0\xff";
  size_t refused = 0, accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string file = sound;
    for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % file.size();
      switch (random() % 4) {
        case 0:
          file[at] = static_cast<char>(random());
          break;
        case 1:
          file[at] = kTokens[random() % kTokens.size()];
          break;
        case 2:
          file.erase(at, 1 + random() % 8);
          break;
        default:
          file.insert(at, file.substr(random() % file.size(), 1 + random() % 16));
          break;
      }
      if (file.empty()) file = "x";
    }
    // In half of the rounds the length is made right again, so that the JSON is reached.
    if (round % 2 == 0 && file.size() > 8) {
      const uint64_t header = std::min<uint64_t>(file.size(), sound.size() - 17 * 4) - 8;
      file.replace(0, 8, reinterpret_cast<const char*>(&header), 8);
    }
    const auto opened = Open(file);
    if (!opened.ok()) {
      ASSERT_EQ(DetailsOf(opened.status()).reason, reason::kInvalidModel) << opened.status();
      ++refused;
      continue;
    }
    ++accepted;
    for (const auto& [name, entry] : opened->tensors()) {
      ASSERT_LE(entry.count(), file.size());
      std::vector<float> numbers(entry.count());
      (void)opened->ReadFloats(name, entry, numbers.data());
    }
  }
  EXPECT_GT(refused, 300u);
  EXPECT_GT(accepted, 30u);
}

}  // namespace
}  // namespace kith::encoder
