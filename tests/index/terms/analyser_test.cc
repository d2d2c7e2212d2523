#include "index/terms/analyser.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/terms/word_scanner.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Words(std::string_view text, bool ascii_path = true,
                               bool turkish = false) {
  std::vector<std::string> words;
  WordScanner(turkish).Scan(text, ascii_path,
                            [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

std::vector<std::string> Terms(const AnalyserOptions& options, std::string_view text) {
  const RowTerms row = (*TermAnalyser::Create(options))->Analyse(text);
  std::vector<std::string> terms;
  for (size_t i = 0; i < row.size(); ++i) terms.emplace_back(row.term(i));
  return terms;
}

TEST(WordScannerTest, CutsAndFoldsWordsAsUnicodeSays) {
  EXPECT_THAT(Words("The Quick-brown fox's $3.14, e.g. foo_bar2!"),
              ElementsAre("the", "quick", "brown", "fox's", "3.14", "e.g", "foo_bar2"));
  EXPECT_THAT(Words("Straße ÉCOLE ﬁne ＡＢＣ"), ElementsAre("strasse", "école", "fine", "abc"));
  EXPECT_THAT(Words("don’t"), ElementsAre("don't"));
  EXPECT_THAT(Words("_ __ ... 🙂"), IsEmpty());
  EXPECT_THAT(Words(""), IsEmpty());
}

TEST(WordScannerTest, TurkishHasTwoLettersI) {
  EXPECT_THAT(Words("ISPARTA İzmir", true, true), ElementsAre("ısparta", "izmir"));
  EXPECT_THAT(Words("ISPARTA", true, false), ElementsAre("isparta"));
}

// Letters, marks, and all that joins or parts words, from several scripts.
std::string RandomText(std::mt19937_64& random, bool ascii) {
  static const std::vector<std::string> kAscii = {"a",  "B",  "I",    "z",    "1",
                                                  "9",  "_",  ".",    ",",    ";",
                                                  ":",  "'",  "\"",   " ",    " ",
                                                  "\t", "\n", "\r\n", "-",    "/",
                                                  "@",  "#",  "\x01", "\x7f", std::string(1, '\0')};
  static const std::vector<std::string> kOther = {
      "é", "ß", "İ",      "Σ",      "я",    "中",     "国",     "日本",   "ひ",     "カ",
      "ก", "า", "한",     "ا",      "ש",    "\u0301", "\u200d", "\u00ad", "’",      "·",
      "“", "…", "\u00a0", "\u2003", "🙂", "🇩",      "²",      "ﬁ",      "\ufeff", "٣"};
  std::string text;
  for (uint64_t n = random() % 14; n > 0; --n) {
    if (ascii || random() % 2 == 0) {
      text += kAscii[random() % kAscii.size()];
    } else {
      text += kOther[random() % kOther.size()];
    }
  }
  return text;
}

TEST(WordScannerTest, TheWayOfAsciiGivesWhatIcuGives) {
  constexpr uint64_t kSeed = 5;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = RandomText(random, i % 2 == 0);
    for (const bool turkish : {false, true}) {
      ASSERT_EQ(Words(text, true, turkish), Words(text, false, turkish))
          << ::testing::PrintToString(text) << " seed " << kSeed;
    }
  }
}

TEST(TermAnalyserTest, StemsByLanguage) {
  EXPECT_THAT(Terms({}, "The wings of an aircraft's winging"),
              ElementsAre("aircraft", "an", "of", "the", "wing"));
  EXPECT_THAT(Terms({.language = "none"}, "wings winging"), ElementsAre("winging", "wings"));
  EXPECT_THAT(Terms({.language = "german"}, "Häuser Haus"), ElementsAre("haus"));
}

TEST(TermAnalyserTest, CountsEveryOccurrence) {
  const RowTerms row = (*TermAnalyser::Create({}))->Analyse("b a b, a B c");
  ASSERT_EQ(row.size(), 3u);
  EXPECT_EQ(row.term(1), "b");
  EXPECT_EQ(row.count(1), 3u);
  EXPECT_EQ(row.length(), 6u);
}

TEST(TermAnalyserTest, LeavesOutStopWordsOnlyWhenAsked) {
  EXPECT_THAT(Terms({.remove_stop_words = true}, "To BE or not"), IsEmpty());
  EXPECT_THAT(Terms({.language = "french", .remove_stop_words = true}, "Été à Paris"),
              ElementsAre("paris"));
  for (const std::string& language : TermAnalyser::LanguagesWithStopWords()) {
    EXPECT_TRUE(TermAnalyser::Create({.language = language, .remove_stop_words = true}).ok());
  }
}

TEST(TermAnalyserTest, RefusesOptionsItDoesNotKnow) {
  const auto reason = [](const AnalyserOptions& options) {
    const absl::Status status = TermAnalyser::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return DetailsOf(status).reason + " " + DetailsOf(status).field;
  };
  EXPECT_EQ(reason({.language = "klingon"}), "INVALID_REQUEST language");
  EXPECT_EQ(reason({.language = ""}), "INVALID_REQUEST language");
  EXPECT_EQ(reason({.language = "tamil", .remove_stop_words = true}),
            "INVALID_REQUEST remove_stop_words");
  EXPECT_EQ(reason({.language = "none", .remove_stop_words = true}),
            "INVALID_REQUEST remove_stop_words");
  EXPECT_EQ(reason({.max_term_bytes = 7}), "LIMIT_OUT_OF_RANGE max_term_bytes");
  EXPECT_EQ(reason({.max_term_bytes = 256}), "LIMIT_OUT_OF_RANGE max_term_bytes");
}

TEST(TermAnalyserTest, AnIdentityNamesTheOptions) {
  const auto identity = [](const AnalyserOptions& options) {
    return (*TermAnalyser::Create(options))->identity();
  };
  EXPECT_EQ(identity({}), identity({}));
  std::vector<std::string> all;
  for (const std::string& language : TermAnalyser::Languages()) {
    all.push_back(identity({.language = language}));
    EXPECT_LE(all.back().size(), TermAnalyser::kMaxIdentityBytes);
  }
  all.push_back(identity({.remove_stop_words = true}));
  all.push_back(identity({.max_term_bytes = 64}));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST(TermAnalyserTest, LongWordsAreCutAtACharacter) {
  const AnalyserOptions options = {.language = "none", .max_term_bytes = 9};
  EXPECT_THAT(Terms(options, std::string(5000, 'A')), ElementsAre("aaaaaaaaa"));
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "é";
  EXPECT_THAT(Terms(options, text), ElementsAre("éééé"));
}

TEST(TermAnalyserTest, NoBytesDoHarmInAnyLanguage) {
  constexpr uint64_t kSeed = 9;
  std::mt19937_64 random(kSeed);
  for (const std::string& language : TermAnalyser::Languages()) {
    const auto analyser = *TermAnalyser::Create({.language = language, .max_term_bytes = 8});
    for (int i = 0; i < 300; ++i) {
      std::string text = RandomText(random, false);
      if (i % 2 == 0) {
        for (char& c : text) {
          if (random() % 4 == 0) c = static_cast<char>(random());
        }
      }
      const RowTerms row = analyser->Analyse(text);
      for (size_t t = 0; t < row.size(); ++t) {
        ASSERT_GE(row.term(t).size(), 1u);
        ASSERT_LE(row.term(t).size(), 8u) << language << " seed " << kSeed;
      }
    }
  }
}

}  // namespace
}  // namespace kith::index
