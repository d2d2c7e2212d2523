#include "client/cli/text_layout.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::cli {
namespace {

using testing::ElementsAre;

TEST(TextLayoutTest, Utf8IsCheckedAsTheStandardSays) {
  for (const char* valid : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
                            "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(valid)) << testing::PrintToString(valid);
  }
  for (const char* invalid : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe2\x82",
                              "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
                              "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xe2\x28\xa1"}) {
    EXPECT_FALSE(IsUtf8(invalid)) << testing::PrintToString(invalid);
  }
}

TEST(TextLayoutTest, ControlCharactersAndEscapesNeverReachTheTerminal) {
  EXPECT_EQ(Printable("a\tb\r\n\n c "), "a b c");
  EXPECT_EQ(Printable("red \x1b[31mtext"), "red [31mtext");
  EXPECT_EQ(Printable("c1 \xc2\x9b"
                      "2J"),
            "c1 2J");
  EXPECT_EQ(Printable("rtl \xe2\x80\xae"
                      "evil"),
            "rtl evil");
  EXPECT_EQ(Printable("\xff"), "\xef\xbf\xbd");
}

TEST(TextLayoutTest, WidthsCountColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\xc3\xa4"), 1u);                  // a with diaeresis
  EXPECT_EQ(DisplayWidth("a\xcc\x88"), 1u);                 // the same, combining
  EXPECT_EQ(DisplayWidth("\xe6\xbc\xa2\xe5\xad\x97"), 4u);  // two Han characters
}

TEST(TextLayoutTest, ShortenCutsAtCharactersAndSaysSo) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abcde\xe2\x80\xa6");
  EXPECT_EQ(Shorten("\xe6\xbc\xa2\xe5\xad\x97", 3), "\xe6\xbc\xa2\xe2\x80\xa6");
  EXPECT_EQ(Shorten("abc", 0), "");
}

TEST(TextLayoutTest, WrapBreaksAtSpaces) {
  EXPECT_THAT(Wrap("the quick brown fox", 10, 5), ElementsAre("the quick", "brown fox"));
  EXPECT_THAT(Wrap("abcdefghijkl", 5, 5), ElementsAre("abcde", "fghij", "kl"));
  EXPECT_THAT(Wrap("the quick brown fox", 10, 1), ElementsAre("the quick\xe2\x80\xa6"));
  EXPECT_THAT(Wrap("", 10, 3), ElementsAre());
}

TEST(TextLayoutTest, WrappingAnyBytesLosesNothingAndKeepsTheWidth) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (size_t length = random() % 80; length > 0; --length) {
      text += random() % 3 == 0 ? ' ' : static_cast<char>(random() % 256);
    }
    const size_t columns = 2 + random() % 20;
    std::string joined;
    for (const std::string& line : Wrap(text, columns, 1000)) {
      EXPECT_LE(DisplayWidth(line), columns);
      EXPECT_TRUE(IsUtf8(line));
      joined += line;
    }
    std::string expected = Printable(text);
    std::erase(expected, ' ');
    std::erase(joined, ' ');
    EXPECT_EQ(joined, expected);
  }
}

TEST(TextLayoutTest, HeadingsBeforeATextAreSkippedUnlessTheyAreAll) {
  EXPECT_EQ(SkipHeadings("# A\n\n  ## B\r\ntext # not\n# C"), "text # not\n# C");
  EXPECT_EQ(SkipHeadings("text\n# A"), "text\n# A");
  EXPECT_EQ(SkipHeadings("# A\n## B"), "# A\n## B");
  EXPECT_EQ(SkipHeadings(""), "");
}

TEST(TextLayoutTest, TablesAlignTextLeftAndNumbersRight) {
  EXPECT_EQ(Table({{"NAME", "COUNT"}, {"a", "5"}, {"longer", "1,234"}}),
            "NAME    COUNT\n"
            "a           5\n"
            "longer  1,234\n");
  EXPECT_EQ(Table({{"NAME", "X"}}), "NAME  X\n");
}

TEST(TextLayoutTest, NumbersForPeople) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(18446744073709551615u), "18,446,744,073,709,551,615");
  EXPECT_EQ(Counted(1, "file"), "1 file");
  EXPECT_EQ(Counted(0, "file"), "0 files");
  EXPECT_EQ(Counted(1234, "file"), "1,234 files");
  EXPECT_EQ(Counted(1, "query"), "1 query");
  EXPECT_EQ(Counted(2, "query"), "2 queries");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{5} << 30), "5.0 GiB");
}

}  // namespace
}  // namespace kith::cli
