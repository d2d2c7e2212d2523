#include "client/cli/document_file.h"

#include <random>
#include <string>

#include "client/cli/eval/beir.h"
#include "client/cpp/vector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kith::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SourceFile File(const std::string& id, FileKind kind) { return {"/somewhere/" + id, id, kind, 0}; }

TEST(DocumentFileTest, AMarkdownFileIsTitledByItsFirstHeading) {
  const auto document = DocumentOfText(File("guides/a.md", FileKind::kMarkdown),
                                       "intro\n\n##  Getting *started* \nx");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->id(), "guides/a.md");
  EXPECT_EQ(document->text(), "intro\n\n##  Getting *started* \nx");
  EXPECT_EQ(document->metadata().at("title").string_value(), "Getting *started*");
  EXPECT_EQ(document->metadata().at("source").string_value(), "guides/a.md");
}

TEST(DocumentFileTest, WithoutHeadingTheFilesNameIsTheTitle) {
  for (const char* text : {"#hashtag", "####### seven", "", "#", "plain\n # indented"}) {
    const auto document = DocumentOfText(File("guides/a.md", FileKind::kMarkdown), text);
    ASSERT_TRUE(document.ok()) << document.status();
    EXPECT_EQ(document->metadata().at("title").string_value(), "a.md") << text;
  }
  // In plain text a number sign is no heading.
  EXPECT_EQ(
      DocumentOfText(File("a.txt", FileKind::kText), "# x")->metadata().at("title").string_value(),
      "a.txt");
}

TEST(DocumentFileTest, TextThatIsNotUtf8IsRefused) {
  EXPECT_EQ(DocumentOfText(File("a.txt", FileKind::kText), "caf\xe9").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DocumentOfText(File("caf\xe9.txt", FileKind::kText), "x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DocumentFileTest, AJsonLineGivesEveryPartOfADocument) {
  const auto document = DocumentOfJsonLine(
      R"({"id":"a","text":"t","metadata":{"year":2024},"lang":"en","vector":[1,-0.5],)"
      R"("vector_fingerprint":"f"})");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->id(), "a");
  EXPECT_EQ(document->text(), "t");
  EXPECT_EQ(document->vector_fingerprint(), "f");
  EXPECT_EQ(document->metadata().at("year").int_value(), 2024);
  EXPECT_EQ(document->metadata().at("lang").string_value(), "en");
  EXPECT_THAT(client::UnpackVector(document->vector()).value(), ElementsAre(1, -0.5f));
}

TEST(DocumentFileTest, BeirsNamesAreUnderstood) {
  const auto document =
      DocumentOfJsonLine(R"({"_id": 17, "title": "Wings\nand lift", "text": "Lift is ..."})");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->id(), "17");
  EXPECT_EQ(document->text(), "# Wings and lift\n\nLift is ...");
  EXPECT_EQ(document->metadata().at("title").string_value(), "Wings\nand lift");
  // An empty title is none.
  EXPECT_EQ(DocumentOfJsonLine(R"({"_id":"1","title":"","text":"t"})")->text(), "t");
}

TEST(DocumentFileTest, AVectorMayComeWithoutText) {
  const auto document = DocumentOfJsonLine(R"({"id":"a","title":"T","vector":[1]})");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->text(), "");
  EXPECT_EQ(document->metadata().at("title").string_value(), "T");
}

TEST(DocumentFileTest, ADocumentWithoutTextIsLeftToTheServerToRefuse) {
  EXPECT_EQ(DocumentOfJsonLine(R"({"_id":"471","title":"","text":""})")->text(), "");
  EXPECT_EQ(DocumentOfJsonLine(R"({"title":"T"})")->text(), "# T\n\n");
}

TEST(DocumentFileTest, HostileLinesAreRefusedWithAReason) {
  const std::string deep(100'000, '[');
  for (const std::string& line :
       {std::string("{"),
        std::string("[]"),
        std::string("null"),
        std::string("\"x\""),
        std::string(R"({"id":{},"text":"t"})"),
        std::string(R"({"id":1.5,"text":"t"})"),
        std::string(R"({"text":5})"),
        std::string(R"({"id":"a","_id":"a","text":"t"})"),
        std::string(R"({"text":"t","metadata":[]})"),
        std::string(R"({"text":"t","metadata":{"a":{"b":1}}})"),
        std::string(R"({"text":"t","lang":"en","metadata":{"lang":"de"}})"),
        std::string(R"({"text":"t","vector":"x"})"),
        std::string(R"({"vector":[1,"2"]})"),
        std::string(R"({"vector":[[1]]})"),
        std::string(R"({"text":"t"} trailing)"),
        std::string("{\"text\":\"caf\xe9\"}"),
        std::string(R"({"text":"\ud800"})"),
        std::string(R"({"text":"t","x":1e999})"),
        std::string("{\"text\":\"a\0b\"}", 14),
        std::string(R"({"text":"t","vector":NaN})"),
        deep,
        R"({"text":"t","x":)" + deep}) {
    const auto document = DocumentOfJsonLine(line);
    ASSERT_FALSE(document.ok()) << line.substr(0, 80);
    EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(document.status().message().empty());
  }
}

TEST(DocumentFileTest, MutatedLinesNeverDoMoreThanFail) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string line =
      R"({"_id":"a","title":"T","text":"t \u00e4","metadata":{"y":[1.5e3,"x"],"z":null},"vector":[1,2]})";
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mutated = line;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      mutated[random() % mutated.size()] = static_cast<char>(random() % 256);
    }
    refused += !DocumentOfJsonLine(mutated).ok();
  }
  EXPECT_GT(refused, 1000);
}

class BeirTest : public testing::Test {
 protected:
  TempFolder folder_;
};

TEST_F(BeirTest, QueriesAreReadInOrder) {
  const auto queries = ReadQueries(
      folder_.Write("q", "{\"_id\":\"b\",\"text\":\"x y\"}\n\n{\"_id\":1,\"text\":\"z\"}\n"));
  ASSERT_TRUE(queries.ok()) << queries.status();
  ASSERT_EQ(queries->size(), 2u);
  EXPECT_EQ((*queries)[0].id, "b");
  EXPECT_EQ((*queries)[0].text, "x y");
  EXPECT_EQ((*queries)[1].id, "1");
}

TEST_F(BeirTest, JudgementsAreGroupedByQuery) {
  const auto judgements = ReadJudgements(
      folder_.Write("j", "query-id\tcorpus-id\tscore\r\n1\ta b\t2\r\n1\tc\t0\n2\ta b\t-1\n"));
  ASSERT_TRUE(judgements.ok()) << judgements.status();
  EXPECT_EQ(judgements->at("1"), (Grades{{"a b", 2}, {"c", 0}}));
  EXPECT_EQ(judgements->at("2"), (Grades{{"a b", -1}}));
}

TEST_F(BeirTest, WrongLinesAreNamedByFileAndLine) {
  const std::string heading = "query-id\tcorpus-id\tscore\n";
  for (const char* line : {"1\ta", "1\ta\t", "1\ta\tx", "1\ta\t1\t2", "1\ta\t1.5", "\ta\t1",
                           "1\t\t1", "1\ta\t31", "1 a 1", "1\ta\t99999999999"}) {
    const auto judgements = ReadJudgements(folder_.Write("j", heading + "1\tb\t1\n" + line + "\n"));
    ASSERT_FALSE(judgements.ok()) << line;
    EXPECT_THAT(std::string(judgements.status().message()), HasSubstr("/j:3: "));
  }
  EXPECT_FALSE(ReadJudgements(folder_.Write("j", "1\ta\t1\n")).ok());
  EXPECT_FALSE(ReadQueries(folder_.Write("q", "{\"text\":\"no id\"}\n")).ok());
  EXPECT_FALSE(
      ReadQueries(folder_.Write("q", "{\"_id\":\"1\",\"text\":\"a\"}\n{\"_id\":1,\"text\":\"b\"}"))
          .ok());
}

}  // namespace
}  // namespace kith::cli
