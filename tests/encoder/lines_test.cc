#include "encoder/text/lines.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "encoder/text/sections.h"
#include "encoder/text/sentences.h"

namespace kith::encoder {
namespace {

TEST(LinesTest, AtxHeadingsAreThoseOfCommonMark) {
  struct Row {
    std::string_view line;
    int level;  // 0: none
    std::string_view title;
  };
  const Row kRows[] = {
      {"# Title", 1, "Title"},
      {"###### Six", 6, "Six"},
      {"####### Seven", 0, ""},
      {"#hashtag", 0, ""},
      {"#\tTab", 1, "Tab"},
      {"   # Three spaces", 1, "Three spaces"},
      {"    # Four spaces", 0, ""},
      {"# Closed ##", 1, "Closed"},
      {"# Not closed#", 1, "Not closed#"},
      {"# C# ", 1, "C#"},
      {"## ##", 0, ""},
      {"#", 0, ""},
      {"# ", 0, ""},
      {"# \u3000", 0, ""},
      {"text # no", 0, ""},
      {"", 0, ""},
      {"# a # b", 1, "a # b"},
  };
  for (const Row& row : kRows) {
    const auto heading = AtxHeading(row.line);
    EXPECT_EQ(heading ? heading->level : 0, row.level) << row.line;
    if (heading) {
      EXPECT_EQ(heading->title, row.title);
    }
  }
}

TEST(LinesTest, FencesEndWithTheirOwnKindAndLength) {
  FenceTracker fence;
  EXPECT_FALSE(fence.Inside("text"));
  EXPECT_FALSE(fence.Inside("``` not `a fence"));
  EXPECT_TRUE(fence.Inside("````cpp"));
  EXPECT_TRUE(fence.Inside("~~~~"));
  EXPECT_TRUE(fence.Inside("```"));
  EXPECT_TRUE(fence.Inside(""));
  EXPECT_TRUE(fence.Inside("````` tail"));
  EXPECT_TRUE(fence.Inside("  `````  "));
  EXPECT_FALSE(fence.Inside("# heading"));
}

std::string Titles(std::string_view text) {
  std::string out;
  SectionReader reader(text);
  for (Section section; reader.Next(&section);) {
    for (std::string_view title : section.headings) out += std::string(title) + ">";
    out += std::to_string(section.span.begin) + "-" + std::to_string(section.span.end) + " ";
  }
  return out;
}

TEST(SectionsTest, SetextTitlesAreParagraphsOfOneLine) {
  EXPECT_EQ(Titles("A\n===\nb\n"), "A>0-8 ");
  EXPECT_EQ(Titles("para\nA\n===\nb\n"), "0-13 ");
  EXPECT_EQ(Titles("para\n\nA\n---\nb\n"), "0-6 A>6-14 ");
  EXPECT_EQ(Titles("A\n--\nb\n"), "0-7 ");
  EXPECT_EQ(Titles("- A\n---\n"), "0-8 ");
  EXPECT_EQ(Titles("\n---\n"), "0-5 ");
}

TEST(SectionsTest, AYamlHeaderIsText) {
  EXPECT_EQ(Titles("---\ntitle: x\n# y\n---\n# A\nb"), "0-21 A>21-26 ");
  EXPECT_EQ(Titles("---\ntitle: x\n"), "0-13 ");  // never closed: a rule and a line
}

TEST(SectionsTest, TitlesOfAnyLengthGiveBoundedPaths) {
  const std::string text = "# " + std::string(5000, 'x') + "\n## \u4e2d" + std::string(150, 'y') +
                           " " + std::string(100, 'z') + "\nb";
  SectionReader reader(text);
  Section section;
  ASSERT_TRUE(reader.Next(&section));
  ASSERT_EQ(section.headings.size(), 2u);
  EXPECT_EQ(section.headings[0].size(), kMaxTitleBytes);
  EXPECT_EQ(section.headings[1], "\u4e2d" + std::string(150, 'y'));
  EXPECT_EQ(section.span.end, text.size());
}

std::string Sentences(std::string_view text) {
  std::string out;
  SentenceReader reader;
  reader.Start(text, {0, static_cast<uint32_t>(text.size())});
  for (Sentence sentence; reader.Next(&sentence);) {
    out += "[" + std::string(sentence.span.Of(text)) + "]" + (sentence.ends_paragraph ? "P" : "");
  }
  return out;
}

TEST(SentencesTest, WrappedLinesGoOnAndBlocksDoNot) {
  EXPECT_EQ(Sentences("One goes\non. Two\r\ngoes on."), "[One goes\non.][Two\r\ngoes on.]P");
  EXPECT_EQ(Sentences("Intro\n- a\n  more a\n- b\n\nText"), "[Intro][- a\n  more a][- b]P[Text]P");
  EXPECT_EQ(Sentences("| a | b |\n| c | d |"), "[| a | b |][| c | d |]P");
  EXPECT_EQ(Sentences("```\na\nb\n```\nc"), "[```][a][b][```][c]P");
  EXPECT_EQ(Sentences("# Title\ntext"), "[# Title][text]P");
  EXPECT_EQ(Sentences("Title\n===\ntext"), "[Title][===][text]P");
  EXPECT_EQ(Sentences("break  \nhere\\\nnow"), "[break][here\\][now]P");
  EXPECT_EQ(Sentences("1. one\n2. two"), "[1. one][2. two]P");
  EXPECT_EQ(Sentences("\n \n"), "");
}

TEST(SentencesTest, EndsFollowUnicodeInManyScripts) {
  EXPECT_EQ(Sentences("It costs 3.5 dollars. Really? Yes!"),
            "[It costs 3.5 dollars.][Really?][Yes!]P");
  EXPECT_EQ(Sentences("\u4f60\u597d\u3002\u4e16\u754c\u3002"),
            "[\u4f60\u597d\u3002][\u4e16\u754c\u3002]P");
  EXPECT_EQ(Sentences("\u0915\u0964 \u0916\u0964"), "[\u0915\u0964][\u0916\u0964]P");
}

}  // namespace
}  // namespace kith::encoder
