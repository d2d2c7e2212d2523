// What the command lines of `kith search`, `eval` and `documents update` ask the server for.

#include "client/cli/search_options.h"

#include <string>
#include <vector>

#include "client/cli/documents_update.h"
#include "client/cli/schema_options.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace kith::cli {
namespace {

// Parses `words` as the command line of `flags`; what it asks for, as a message's text, or "usage:
// " and why it asks for nothing.
template <typename Flags>
std::string Asked(std::vector<std::string> words) {
  CLI::App app;
  Flags flags;
  flags.AddTo(app);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return std::string("usage: ") + error.what();
  }
  const auto request = flags.Request();
  return request.ok() ? request->ShortDebugString()
                      : "usage: " + std::string(request.status().message());
}

template <typename Message>
std::string Text(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message.ShortDebugString();
}

// What is the same in every search below.
constexpr char kRest[] = " limit: 10 select { text: true metadata: true }";

TEST(SearchOptionsTest, WhoAsks) {
  struct Case {
    std::vector<std::string> words;
    const char* query;
  };
  for (const Case& c : {
           Case{{"c", "why"}, "text: 'why'"},
           Case{{"c", "why", "--lexical"}, "lexical { text: 'why' }"},
           Case{{"c", "why", "--hybrid"},
                "hybrid { parts { text: 'why' } parts { lexical { text: 'why' } } }"},
           Case{{"c", "why", "--hybrid", "--fusion", "rrf", "--weights", "0.5,1", "--rrf-k", "10"},
                "hybrid { parts { text: 'why' } parts { lexical { text: 'why' } } "
                "rrf { k: 10 weights: 0.5 weights: 1 } }"},
           Case{{"--hybrid", "--fusion", "weighted", "--normalisation", "z-score", "--fill-in",
                 "--candidates", "50", "c", "why"},
                "hybrid { parts { text: 'why' } parts { lexical { text: 'why' } } "
                "weighted { normalisation: SCORE_NORMALISATION_Z_SCORE } candidates: 50 "
                "fill_in: true }"},
           Case{{"c", "--like", "a"}, "document_id: 'a'"},
           Case{{"c", "--like", "a", "--like", "b", "--unlike", "x"},
                "recommend { positive { document_id: 'a' } positive { document_id: 'b' } "
                "negative { document_id: 'x' } }"},
           Case{{"c", "--like", "a", "--best-score"},
                "recommend { positive { document_id: 'a' } method: RECOMMEND_METHOD_BEST_SCORE }"},
       }) {
    EXPECT_EQ(
        Asked<SearchFlags>(c.words),
        Text<v1::SearchRequest>(std::string("collection: 'c' query { ") + c.query + " }" + kRest))
        << testing::PrintToString(c.words);
  }
}

TEST(SearchOptionsTest, OfWhatAndInWhichForm) {
  struct Case {
    std::vector<std::string> words;
    const char* request;
  };
  for (const Case& c : {
           Case{{"--filter", "year >= 2020 AND tags:x"},
                "limit: 10 select { text: true metadata: true } filter: 'year >= 2020 AND tags:x'"},
           Case{{"--limit", "3", "--offset", "6"},
                "limit: 3 offset: 6 select { text: true metadata: true }"},
           Case{{"--group-by", "document", "--passages", "2"},
                "limit: 10 select { text: true metadata: true } group_by: GROUP_BY_DOCUMENT "
                "passages_per_group: 2"},
           Case{{"--group-by-field", "author"},
                "limit: 10 select { text: true metadata: true } group_by: GROUP_BY_FIELD "
                "group_field: 'author' passages_per_group: 3"},
           Case{{"--diversify", "0.3", "--pool", "70"},
                "limit: 10 select { text: true metadata: true } "
                "diversify { lambda: 0.3 pool: 70 }"},
           Case{{"--score-min", "-0.5", "--explain"},
                "limit: 10 select { text: true metadata: true } score_min: -0.5 explain: true"},
           Case{{"--fields", "a,b", "--vectors"},
                "limit: 10 select { text: true vectors: true fields: 'a' "
                "fields: 'b' }"},
           Case{{"--exact"},
                "limit: 10 select { text: true metadata: true } tuning { exact: true }"},
       }) {
    std::vector<std::string> words = {"c", "why"};
    words.insert(words.end(), c.words.begin(), c.words.end());
    EXPECT_EQ(
        Asked<SearchFlags>(words),
        Text<v1::SearchRequest>(std::string("collection: 'c' query { text: 'why' } ") + c.request))
        << testing::PrintToString(c.words);
  }
}

TEST(SearchOptionsTest, WhatFitsTogetherIsAskedAndNothingElse) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {},
           {"c"},
           {"c", "why", "--like", "a"},
           {"c", "why", "--vector-file", "f"},
           {"c", "--vector-file", "no such file"},
           {"c", "why", "--lexical", "--hybrid"},
           {"c", "--like", "a", "--hybrid"},
           {"c", "--like", "a", "--lexical"},
           {"c", "--unlike", "a"},
           {"c", "why", "--best-score"},
           {"c", "why", "--fusion", "rrf"},
           {"c", "why", "--lexical", "--fill-in"},
           {"c", "why", "--hybrid", "--weights", "1,2"},
           {"c", "why", "--hybrid", "--fusion", "rrf", "--weights", "1"},
           {"c", "why", "--hybrid", "--fusion", "sum"},
           {"c", "why", "--hybrid", "--fusion", "weighted", "--rrf-k", "3"},
           {"c", "why", "--hybrid", "--fusion", "rrf", "--normalisation", "none"},
           {"c", "why", "--group-by", "author"},
           {"c", "why", "--group-by", "document", "--group-by-field", "author"},
           {"c", "why", "--pool", "10"},
           {"c", "why", "--exact", "--ef", "10"},
           {"c", "why", "--filter", "x = \xff"},
           {"c", "\xff"},
       }) {
    EXPECT_THAT(Asked<SearchFlags>(words), testing::StartsWith("usage: "))
        << testing::PrintToString(words);
  }
}

TEST(UpdateOptionsTest, WhatChanges) {
  struct Case {
    std::vector<std::string> words;
    const char* updates;
  };
  for (const Case& c : {
           Case{{"c", "a", "--set", "year=2017"},
                "updates { id: 'a' set { key: 'year' value { int_value: 2017 } } }"},
           Case{{"c", "a", "--remove", "x", "--remove", "y", "--if-match", "e"},
                "updates { id: 'a' remove: 'x' remove: 'y' if_match: 'e' }"},
           Case{{"c", "a", "b", "--set", "t:=[\"x\"]", "--replace"},
                "updates { id: 'a' set { key: 't' value { string_list { values: 'x' } } } "
                "mode: METADATA_UPDATE_MODE_REPLACE } "
                "updates { id: 'b' set { key: 't' value { string_list { values: 'x' } } } "
                "mode: METADATA_UPDATE_MODE_REPLACE }"},
           Case{{"c", "a", "--replace"}, "updates { id: 'a' mode: METADATA_UPDATE_MODE_REPLACE }"},
       }) {
    EXPECT_EQ(Asked<UpdateFlags>(c.words),
              Text<v1::UpdateMetadataRequest>(std::string("collection: 'c' ") + c.updates))
        << testing::PrintToString(c.words);
  }
}

TEST(UpdateOptionsTest, WhatFitsTogetherIsAskedAndNothingElse) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"c", "a"},
           {"c", "--set", "a=1"},
           {"c", "a", "--set", "x"},
           {"c", "a", "--set", "x=1", "--set", "x=2"},
           {"c", "a", "--set", "x=1", "--remove", "x"},
           {"c", "a", "--replace", "--remove", "x"},
           {"c", "a", "b", "--set", "x=1", "--if-match", "e"},
       }) {
    EXPECT_THAT(Asked<UpdateFlags>(words), testing::StartsWith("usage: "))
        << testing::PrintToString(words);
  }
}

TEST(TextIndexOptionsTest, OnlyWhatWasGivenIsSaid) {
  const auto collection = [](std::vector<std::string> words) {
    CLI::App app;
    TextIndexFlags flags;
    flags.AddTo(app);
    std::reverse(words.begin(), words.end());
    app.parse(words);
    v1::Collection out;
    flags.ApplyTo(out);
    return out.ShortDebugString();
  };
  EXPECT_EQ(collection({}), "");
  EXPECT_EQ(collection({"--no-text-index"}),
            Text<v1::Collection>("options { text_index { enabled: false } }"));
  EXPECT_EQ(collection({"--language", "german", "--remove-stop-words"}),
            Text<v1::Collection>(
                "options { text_index { language: 'german' remove_stop_words: true } }"));
  EXPECT_EQ(collection({"--unindexed", "a", "--unindexed", "b,c"}),
            Text<v1::Collection>("options { unindexed_fields: 'a' unindexed_fields: 'b,c' }"));
}

}  // namespace
}  // namespace kith::cli
