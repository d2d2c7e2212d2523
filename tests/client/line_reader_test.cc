#include "client/cli/line_reader.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kith::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LineReaderTest : public testing::Test {
 protected:
  std::vector<std::string> Lines(std::string_view bytes, size_t max = 1 << 20) {
    auto reader = LineReader::Open(folder_.Write("lines", bytes), max);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::vector<std::string> lines;
    for (std::string_view line; (*reader)->Next(line);) {
      lines.push_back(std::string(line) + ((*reader)->too_long() ? "~" : ""));
      EXPECT_EQ((*reader)->number(), lines.size());
    }
    EXPECT_TRUE((*reader)->status().ok());
    EXPECT_EQ((*reader)->bytes_read(), bytes.size());
    return lines;
  }

  TempFolder folder_;
};

TEST_F(LineReaderTest, LinesEndInLfOrCrlfOrWithTheFile) {
  EXPECT_THAT(Lines("a\nb\r\n\nc"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(Lines("a\n"), ElementsAre("a"));
  EXPECT_THAT(Lines(""), ElementsAre());
}

TEST_F(LineReaderTest, AByteOrderMarkIsDroppedAtTheBeginningOnly) {
  EXPECT_THAT(Lines("\xef\xbb\xbf{}\n\xef\xbb\xbfx"), ElementsAre("{}", "\xef\xbb\xbfx"));
}

TEST_F(LineReaderTest, ALineTooLongIsSkippedWithoutHoldingIt) {
  EXPECT_THAT(Lines("abcd\nabcde\nab\n", 4), ElementsAre("abcd", "abcd~", "ab"));
}

TEST_F(LineReaderTest, LinesLongerThanTheBufferAreWhole) {
  const std::string longest(700'000, 'x');
  EXPECT_THAT(Lines("a\n" + longest + "\nb"), ElementsAre("a", longest, "b"));
}

TEST_F(LineReaderTest, WhatCannotBeReadIsNamed) {
  const auto missing = LineReader::Open(folder_.Join("missing"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("/missing: cannot read it: No such"));
  const auto folder = LineReader::Open(folder_.path());
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LineReaderTest, AFileIsReadWholeUpToItsLimit) {
  const std::string path = folder_.Write("file",
                                         "\xef\xbb\xbf"
                                         "12345");
  EXPECT_EQ(ReadFile(path, 8).value(), "12345");
  EXPECT_EQ(ReadFile(path, 7).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(folder_.Write("empty", ""), 0).value(), "");
}

}  // namespace
}  // namespace kith::cli
