#include "encoder/text/splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "encoder/text/boundaries.h"
#include "encoder/text/passage_text.h"
#include "encoder/text/span.h"
#include "encoder/utf8.h"
#include "encoder/wordpiece.h"
#include "kith/base/error.h"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"

namespace kith::encoder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SplitterTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    lower_ = Tokenizer::Load(TestData() / "tiny-bert-mean").value().release();
    cased_ = Tokenizer::Load(TestData() / "tiny-bert-cls-cased-f16").value().release();
    bytes_ = Tokenizer::Load(TestData() / "tiny-roberta-mean").value().release();
    unigram_ = Tokenizer::Load(TestData() / "tiny-xlmr-mean").value().release();
  }
  static void TearDownTestSuite() {
    delete lower_;
    delete cased_;
    delete bytes_;
    delete unigram_;
  }

  static uint32_t Count(std::string_view text, const Tokenizer& tokenizer = *lower_) {
    std::vector<Token> tokens;
    tokenizer.Tokenize(text, &tokens);
    return static_cast<uint32_t>(tokens.size());
  }

  static std::vector<PassageSpan> SplitOrDie(std::string_view text, const SplitterOptions& options,
                                             const Tokenizer& tokenizer = *lower_) {
    auto passages = Split(text, tokenizer, options, {.max_tokens = 512, .overhead_tokens = 2},
                          Call::Background());
    EXPECT_TRUE(passages.ok()) << passages.status();
    return passages.ok() ? *std::move(passages) : std::vector<PassageSpan>();
  }

  // "heading path | text" of each passage.
  static std::vector<std::string> Shown(std::string_view text, const SplitterOptions& options) {
    std::vector<std::string> shown;
    for (const PassageSpan& p : SplitOrDie(text, options)) {
      shown.push_back(p.heading_path + "|" + std::string(text.substr(p.begin, p.end - p.begin)));
    }
    return shown;
  }

  static Tokenizer const* lower_;
  static Tokenizer const* cased_;
  static Tokenizer const* bytes_;
  static Tokenizer const* unigram_;
};

const Tokenizer* SplitterTest::lower_ = nullptr;
const Tokenizer* SplitterTest::cased_ = nullptr;
const Tokenizer* SplitterTest::bytes_ = nullptr;
const Tokenizer* SplitterTest::unigram_ = nullptr;

std::set<uint32_t> GraphemeBoundaries(std::string_view text) {
  Boundaries clusters(Boundaries::Kind::kGrapheme);
  clusters.Start(text);
  std::set<uint32_t> boundaries = {0};
  for (uint32_t at; (at = clusters.Next()) != Boundaries::kDone;) boundaries.insert(at);
  return boundaries;
}

// The laws of splitter.h, by their numbers.
void CheckLaws(std::string_view text, const std::vector<PassageSpan>& passages, uint32_t budget,
               const Tokenizer& tokenizer) {
  const auto count = [&](std::string_view part) {
    std::vector<Token> tokens;
    tokenizer.Tokenize(part, &tokens);
    return static_cast<uint32_t>(tokens.size());
  };
  const std::set<uint32_t> boundaries = GraphemeBoundaries(text);
  uint32_t covered = 0;
  uint32_t previous_begin = 0;
  for (size_t i = 0; i < passages.size(); ++i) {
    const PassageSpan& p = passages[i];
    SCOPED_TRACE(testing::Message() << "passage " << i << " [" << p.begin << ", " << p.end << ")");
    ASSERT_LT(p.begin, p.end);
    ASSERT_LE(p.end, text.size());
    const std::string_view own = text.substr(p.begin, p.end - p.begin);
    ASSERT_EQ(p.token_count, count(PassageText(p.heading_path, own)));     // 1
    ASSERT_LE(p.token_count, budget);                                      // 1
    ASSERT_TRUE(i == 0 || (p.begin > previous_begin && p.end > covered));  // 2
    if (p.begin > covered) {
      ASSERT_TRUE(Trimmed(text, {covered, p.begin}).empty()) << "lost text";  // 3
    }
    ASSERT_TRUE(IsValidUtf8(own));  // 4
    const uint32_t heading_tokens = p.heading_path.empty() ? 0 : count(p.heading_path + "\n");
    for (uint32_t edge : {p.begin, p.end}) {
      const auto after = boundaries.lower_bound(edge);
      if (*after == edge) continue;
      const uint32_t begin = *std::prev(after);
      // By itself a cluster can be fewer tokens than in its sentence, where pieces of BPE and
      // Unigram begin and end elsewhere.
      if (dynamic_cast<const WordPiece*>(&tokenizer) == nullptr) continue;
      ASSERT_GT(heading_tokens + count(text.substr(begin, *after - begin)), budget)  // 4
          << "cut inside the cluster [" << begin << ", " << *after << ")";
    }
    ASSERT_LE(heading_tokens, budget / 4);  // 6
    previous_begin = p.begin;
    covered = p.end;
  }
  ASSERT_TRUE(Trimmed(text, {covered, static_cast<uint32_t>(text.size())}).empty());  // 3
}

std::string RandomMarkdown(RandomText* random, size_t size) {
  static constexpr std::string_view kBlocks[] = {
      "# Guide\n",
      "## Install\n\n",
      "### The long title of a section that goes on and on ##\n",
      "Setext title\n====\n",
      "Another\n---\n",
      "```\n# no heading\ncode();\n```\n",
      "~~~\n",
      "- item one\n",
      "1. first\n",
      "| a | b |\n|---|---|\n",
      "> quoted text\n",
      "\n\n",
      "    indented\n",
      "---\n",
      "#not a heading\n",
      "One sentence. And another one! A third?\n",
      "wrapped line\nthat goes on\n"};
  std::string text;
  while (text.size() < size) {
    if (random->Below(3) == 0) {
      text += random->Unicode(random->Below(120));
    } else {
      text += kBlocks[random->Below(std::size(kBlocks))];
    }
  }
  return text;
}

TEST_F(SplitterTest, TheLawsHoldForRandomDocuments) {
  for (uint64_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomText random(seed);
    const std::string text = seed % 3 == 0 ? random.Unicode(random.Below(4000))
                                           : RandomMarkdown(&random, random.Below(4000));
    SplitterOptions options;
    options.kind = seed % 2 == 0 ? SplitterKind::kMarkdown : SplitterKind::kSentences;
    options.max_tokens = static_cast<uint32_t>(16 + random.Below(seed % 5 == 0 ? 300 : 40));
    options.overlap_tokens = static_cast<uint32_t>(random.Below((options.max_tokens + 1) / 2));
    const EncoderLimits limits = {.max_tokens = static_cast<uint32_t>(16 + random.Below(200)),
                                  .overhead_tokens = static_cast<uint32_t>(2 + random.Below(6))};
    const uint32_t budget =
        std::min(options.max_tokens, limits.max_tokens) - limits.overhead_tokens;
    const Tokenizer* const kAll[] = {lower_, cased_, bytes_, unigram_};
    const Tokenizer& tokenizer = *kAll[seed % 7 % 4];
    const auto passages = Split(text, tokenizer, options, limits, Call::Background());
    if (budget < kMinPassageTokens / 2) continue;
    ASSERT_TRUE(passages.ok()) << passages.status();
    CheckLaws(text, *passages, budget, tokenizer);
    if (HasFatalFailure()) return;
    const auto again = Split(text, tokenizer, options, limits, Call::Background());
    ASSERT_EQ(passages->size(), again->size());
    for (size_t i = 0; i < again->size(); ++i) ASSERT_EQ((*passages)[i].begin, (*again)[i].begin);
  }
}

TEST_F(SplitterTest, HostileDocumentsAreSplitUnderTheLaws) {
  std::string heading(150, '#');
  for (const std::string& unit :
       std::vector<std::string>{"a",
                                "a ",
                                "a. ",
                                "\u0301",
                                "a\u0301",
                                "\u4e2d",
                                "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
                                "\u0915\u094d",
                                "\U0001f468\u200d",
                                "\u200b",
                                "\n",
                                "\n\n",
                                " ",
                                "# x\n",
                                "# x\ny\n",
                                "```\n",
                                "- b\n",
                                "\ud55c",
                                "x\n---\n",
                                "###### " + std::string(300, 'h') + "\ny\n",
                                "[MASK]",
                                "\u0600",
                                "\r\n",
                                "\r",
                                "\u302e\u302f",
                                ". \u0301"}) {
    SCOPED_TRACE(testing::PrintToString(unit));
    for (const Tokenizer* tokenizer : {lower_, cased_, bytes_, unigram_}) {
      // BPE and Unigram spell out what WordPiece takes for one unknown word.
      const size_t size = tokenizer == bytes_ || tokenizer == unigram_ ? 10000 : 60000;
      std::string text = "# Top of all\nStart ";
      while (text.size() < size) text += unit;
      for (const uint32_t max_tokens : {16u, 256u}) {
        const SplitterOptions options = {.max_tokens = max_tokens, .overlap_tokens = 5};
        CheckLaws(text, SplitOrDie(text, options, *tokenizer), max_tokens - 2, *tokenizer);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Quadratic time anywhere would keep this from ending.
TEST_F(SplitterTest, AMegabyteWithoutAPlaceToPauseIsSplit) {
  for (std::string_view unit :
       {"word ", "\u4e2d", "\u0301", "a. ", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", ";"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    const auto passages = SplitOrDie(text, SplitterOptions());
    ASSERT_FALSE(passages.empty());
    EXPECT_EQ(passages.back().end, Trimmed(text, {0, static_cast<uint32_t>(text.size())}).end);
  }
}

TEST_F(SplitterTest, AHundredThousandTokensLoseNoSentence) {
  RandomText random(11);
  std::vector<std::string> sentences;
  std::string text;
  for (uint32_t tokens = 0; tokens < 100000;) {
    std::string sentence = "Number" + std::to_string(sentences.size());
    for (size_t words = 3 + random.Below(25); words > 0; --words) sentence += " the railway";
    sentence += ".";
    tokens += Count(sentence);
    text += sentence + (random.Below(6) == 0 ? "\n\n" : random.Below(4) == 0 ? "\n" : " ");
    sentences.push_back(std::move(sentence));
  }
  const auto passages = SplitOrDie(text, SplitterOptions());
  CheckLaws(text, passages, 254, *lower_);
  // Each sentence is whole in at least one passage, and passages are well filled.
  size_t passage = 0;
  size_t at = 0;
  for (const std::string& sentence : sentences) {
    at = text.find(sentence, at);
    while (passage < passages.size() && passages[passage].end < at + sentence.size()) ++passage;
    ASSERT_LT(passage, passages.size()) << sentence;
    ASSERT_LE(passages[passage].begin, at) << sentence;
  }
  uint64_t total = 0;
  for (const PassageSpan& p : passages) total += p.token_count;
  EXPECT_GT(total / passages.size(), 127u) << "the average passage is less than half full";
}

TEST_F(SplitterTest, NeighboursShareWholeSentencesWithinTheOverlap) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "This is the end of it. ";  // 7 tokens each, if not more
  const uint32_t sentence_tokens = Count("This is the end of it. ");
  for (const uint32_t overlap :
       {0u, sentence_tokens - 1, sentence_tokens, 2 * sentence_tokens + 1}) {
    const auto passages =
        SplitOrDie(text, {.max_tokens = 8 * sentence_tokens, .overlap_tokens = overlap});
    ASSERT_GT(passages.size(), 3u);
    for (size_t i = 1; i < passages.size(); ++i) {
      const uint32_t begin = passages[i].begin;
      const uint32_t end = passages[i - 1].end;
      const uint32_t shared = begin < end ? Count(text.substr(begin, end - begin)) : 0;
      EXPECT_EQ(shared, overlap / sentence_tokens * sentence_tokens);
      EXPECT_EQ(text.substr(begin, 7), "This is");
    }
  }
}

TEST_F(SplitterTest, PassagesEndAtParagraphsWhereThatLeavesThemHalfFull) {
  const std::string sentence = "The city is old.";
  const uint32_t tokens = Count(sentence);
  std::string paragraph;
  for (int i = 0; i < 3; ++i) paragraph += (i == 0 ? "" : " ") + sentence;
  std::string text = paragraph;
  for (int i = 0; i < 5; ++i) text += "\n\n" + paragraph;
  // Five sentences would fit; the paragraph of three is more than half of that.
  const auto passages = SplitOrDie(text, {.max_tokens = 5 * tokens + 2, .overlap_tokens = 0});
  ASSERT_THAT(passages, SizeIs(6));
  for (const PassageSpan& p : passages) {
    EXPECT_EQ(text.substr(p.begin, p.end - p.begin), paragraph);
  }
}

TEST_F(SplitterTest, HeadingsGivePathsAndBoundPassages) {
  const std::string text =
      "Preface text.\n"
      "# Guide\n"
      "Intro.\n"
      "## Install ##\n"
      "Run it.\n"
      "```sh\n# not a heading\n```\n"
      "### Linux\n"
      "#### Debian\n"
      "Use apt.\n\n"
      "Reference\n"
      "=========\n\n"
      "See below.\n"
      "    # code\n"
      "#hashtag\n\n"
      "Section\n"
      "-------\n"
      "End.\n";
  EXPECT_THAT(Shown(text, SplitterOptions()),
              ElementsAre("|Preface text.",  //
                          "Guide|# Guide\nIntro.",
                          "Guide > Install|## Install ##\nRun it.\n```sh\n# not a heading\n```",
                          "Guide > Install > Linux > Debian|### Linux\n#### Debian\nUse apt.",
                          "Reference|Reference\n=========\n\nSee below.\n    # code\n#hashtag",
                          "Reference > Section|Section\n-------\nEnd."));
  EXPECT_THAT(Shown(text, {.kind = SplitterKind::kSentences}), SizeIs(1));
}

TEST_F(SplitterTest, ALongHeadingPathLosesItsLeftLevelsThenItsLastWords) {
  const std::string deep =
      "# The history of the city\n## The river and the railway\n### The end\nIt was old.\n";
  const auto path_at = [&](std::string_view text, uint32_t max_tokens) {
    const auto passages = SplitOrDie(text, {.max_tokens = max_tokens, .overlap_tokens = 4});
    return passages.empty() ? std::string("none") : passages.back().heading_path;
  };
  EXPECT_EQ(path_at(deep, 256), "The history of the city > The river and the railway > The end");
  const uint32_t two_levels = Count("The river and the railway > The end");
  EXPECT_EQ(path_at(deep, 4 * two_levels + 2), "The river and the railway > The end");
  EXPECT_EQ(path_at(deep, 4 * two_levels + 1), "The end");
  EXPECT_EQ(path_at("# the railway was the end of it\nx\n", 18), "the railway was the");
  EXPECT_EQ(path_at("# abcdefghijklmnopqrstuvwxyz\nx\n", 18), "");
}

TEST_F(SplitterTest, NoneKeepsTheWholeTextHoweverLong) {
  std::string text = " # Title\n";
  for (int i = 0; i < 1000; ++i) text += "word. ";
  const auto passages = SplitOrDie(text, {.kind = SplitterKind::kNone});
  ASSERT_THAT(passages, SizeIs(1));
  EXPECT_EQ(passages[0].begin, 0u);
  EXPECT_EQ(passages[0].end, text.size());
  EXPECT_EQ(passages[0].token_count, Count(text));
  EXPECT_EQ(passages[0].heading_path, "");
}

TEST_F(SplitterTest, WhiteSpaceAloneHasNoPassages) {
  for (const SplitterKind kind :
       {SplitterKind::kNone, SplitterKind::kSentences, SplitterKind::kMarkdown}) {
    EXPECT_THAT(SplitOrDie("", {.kind = kind}), IsEmpty());
    EXPECT_THAT(SplitOrDie(" \n\u00a0\u3000\r\n\t\u2028", {.kind = kind}), IsEmpty());
    EXPECT_THAT(SplitOrDie(" \u200b ", {.kind = kind}), SizeIs(1));  // no tokens, but text
  }
}

TEST_F(SplitterTest, OptionsOutOfRangeAreRefusedAtTheirField) {
  struct Row {
    SplitterOptions options;
    const char* field;  // nullptr: accepted
  };
  const Row kRows[] = {
      {{.max_tokens = 16, .overlap_tokens = 7}, nullptr},
      {{.max_tokens = 17, .overlap_tokens = 8}, nullptr},
      {{.max_tokens = 15, .overlap_tokens = 0}, "max_tokens"},
      {{.max_tokens = 0, .overlap_tokens = 0}, "max_tokens"},
      {{.max_tokens = 16, .overlap_tokens = 8}, "overlap_tokens"},
      {{.max_tokens = 256, .overlap_tokens = 0xFFFFFFFF}, "overlap_tokens"},
      {{.max_tokens = 0xFFFFFFFF, .overlap_tokens = 32}, nullptr},
  };
  for (const Row& row : kRows) {
    const absl::Status status = ValidateSplitterOptions(row.options);
    EXPECT_EQ(status.ok(), row.field == nullptr) << status;
    if (row.field == nullptr) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailsOf(status).field, row.field);
  }
}

TEST_F(SplitterTest, WhatCannotBeSplitIsRefusedWithItsReason) {
  const EncoderLimits limits = {.max_tokens = 64, .overhead_tokens = 2};
  const auto refused = [&](std::string_view text, const EncoderLimits& with, const Call& call) {
    return Split(text, *lower_, SplitterOptions(), with, call).status();
  };
  const absl::Status bad = refused("ok \xC3(", limits, Call::Background());
  EXPECT_EQ(DetailsOf(bad).reason, reason::kInvalidUtf8);
  EXPECT_THAT(std::string(bad.message()), HasSubstr("not UTF-8 at byte 3 of 5"));

  const absl::Status narrow =
      refused("text", {.max_tokens = 64, .overhead_tokens = 57}, Call::Background());
  EXPECT_EQ(narrow.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(narrow.message()), HasSubstr("need 57, which leaves less than 8"));
  EXPECT_TRUE(refused("text", {.max_tokens = 64, .overhead_tokens = 56}, Call::Background()).ok());
  EXPECT_FALSE(refused("text", {.max_tokens = 1, .overhead_tokens = 2}, Call::Background()).ok());

  std::string text;
  for (int i = 0; i < 100; ++i) text += "# x\ny\n";
  EncoderLimits few = limits;
  few.max_passages = 100;
  EXPECT_TRUE(refused(text, few, Call::Background()).ok());
  few.max_passages = 99;
  EXPECT_EQ(DetailsOf(refused(text, few, Call::Background())).reason, reason::kBatchTooLarge);

  Call gone;
  gone.Cancel();
  EXPECT_EQ(refused("text", limits, gone).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kith::encoder
