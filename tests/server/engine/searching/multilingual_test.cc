// Retrieval in many scripts through a whole database, with a multilingual encoder (XLM-RoBERTa,
// random weights: it knows no meanings, but what is spelled nearly alike is near); and the prompts
// that it has for questions and for passages.

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "fixture.h"
#include "nlohmann/json.hpp"

namespace kith::engine {
namespace {

using index::CompareOp;
using index::Filter;
using testing::ElementsAre;

struct Sentence {
  const char* script;
  const char* text;
  const char* close;  // the same but for a word or a mark
  const char* word;   // of the text, as words are told apart in its script
};

// The golden sentences of the model, which mean the same.
constexpr std::array<Sentence, 12> kSentences = {{
    {"latin", "Die Katze sitzt auf der Matte und schläft den ganzen Tag.",
     "Die Katze sitzt auf der Matte und schläft den ganzen Tag!", "Matte"},
    {"cyrillic", "Кошка сидит на коврике и спит весь день.",
     "Кошка сидит на коврике и спит весь день!", "коврике"},
    {"japanese", "猫は一日中マットの上で寝ています。", "猫は一日中マットの上で寝ています!",
     "マット"},
    {"hangul", "고양이는 하루 종일 매트 위에서 잔다.", "고양이는 하루 종일 매트 위에서 잔다!",
     "고양이는"},
    {"arabic", "القطة تجلس على السجادة وتنام طوال اليوم.",
     "القطة تجلس على السجادة وتنام طوال اليوم!", "السجادة"},
    {"devanagari", "बिल्ली पूरे दिन चटाई पर सोती है।", "बिल्ली पूरे दिन चटाई पर सोती है!", "चटाई"},
    {"thai", "แมวนอนบนเสื่อทั้งวัน", "แมวนอนบนเสื่อทั้งวัน!", "แมว"},
    {"han", "这只猫整天睡在垫子上。", "这只猫整天睡在垫子上!", "垫子"},
    {"greek", "Ελληνικά γράμματα", "Ελληνικά γράμματα!", "γράμματα"},
    {"hebrew", "שלום עולם", "שלום עולם!", "עולם"},
    {"vietnamese", "Con mèo ngủ trên tấm thảm cả ngày.", "Con mèo ngủ trên tấm thảm cả ngày!",
     "thảm"},
    {"turkish", "Kedi bütün gün paspasın üzerinde uyur.", "Kedi bütün gün paspasın üzerinde uyur!",
     "paspasın"},
}};

std::filesystem::path Model() {
  return std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-xlmr-mean";
}

class MultilingualTest : public DatabaseTest {
 protected:
  void SetUp() override {
    // Random weights take a prompt for the most of a short text: here both roles have none.
    options.model_dir = folder.path() / "xlmr";
    std::filesystem::copy(Model(), options.model_dir, std::filesystem::copy_options::recursive);
    std::filesystem::remove(options.model_dir / "config_sentence_transformers.json");
    CollectionSpec spec{.name = "texts"};
    spec.options.text_index.language = "none";  // one stemmer would be wrong for all but one
    Open();
    collection_ = Create(spec);
    std::vector<DocumentInput> inputs;
    for (const Sentence& sentence : kSentences) {
      inputs.push_back(
          Text(sentence.script, sentence.text,
               {{"script", std::string(sentence.script)}, {"слово", std::string(sentence.word)}}));
    }
    ASSERT_TRUE(Upsert(*collection_, inputs).ok());
  }

  std::shared_ptr<Collection> collection_;
};

TEST_F(MultilingualTest, ATextInAnyScriptIsFoundByItself) {
  for (const Sentence& sentence : kSentences) {
    const auto answer = Search(*collection_, {.query = TextQuery{sentence.text}, .limit = 3});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->hits[0].document_id, sentence.script);
    EXPECT_NEAR(answer->hits[0].passages[0].score, 1, 1e-4) << sentence.script;
    EXPECT_EQ(answer->hits[0].passages[0].text, sentence.text);
    EXPECT_EQ(answer->dropped_tokens, 0u);
  }
}

TEST_F(MultilingualTest, ATextInAnyScriptIsFoundByWhatIsNearlyTheSame) {
  for (const Sentence& sentence : kSentences) {
    const auto answer = Search(*collection_, {.query = TextQuery{sentence.close}, .limit = 1});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->hits[0].document_id, sentence.script);
  }
}

TEST_F(MultilingualTest, FiltersCompareValuesAndNamesInAnyScript) {
  for (const Sentence& sentence : kSentences) {
    for (const char* field : {"script", "слово"}) {
      const std::string value = field == std::string("script") ? sentence.script : sentence.word;
      const auto answer =
          Search(*collection_, {.query = TextQuery{"query: how does the tokenizer split words"},
                                .filter = Filter::Compare(field, CompareOp::kEqual, value)});
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_THAT(Ids(*answer), ElementsAre(sentence.script)) << field;
    }
  }
}

TEST_F(MultilingualTest, WordsInAnyScriptAreFound) {
  for (const Sentence& sentence : kSentences) {
    const auto answer = Search(*collection_, {.query = LexicalQuery{sentence.word}});
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_FALSE(answer->hits.empty()) << sentence.script;
    EXPECT_EQ(answer->hits[0].document_id, sentence.script);
  }
}

TEST_F(MultilingualTest, MeaningAndWordsAgreeInAnyScript) {
  for (const Sentence& sentence : kSentences) {
    const auto answer = Search(
        *collection_,
        {.query = HybridQuery{.parts = {TextQuery{sentence.text}, LexicalQuery{sentence.text}}},
         .limit = 1});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->hits[0].document_id, sentence.script);
  }
}

TEST_F(MultilingualTest, EverythingIsThereAfterARestart) {
  collection_.reset();
  Reopen();
  collection_ = Find("texts");
  std::set<std::string> found;
  for (const Sentence& sentence : kSentences) {
    found.insert(Ids(*Search(*collection_, {.query = TextQuery{sentence.close}, .limit = 1}))[0]);
  }
  EXPECT_EQ(found.size(), kSentences.size());
}

// Embeddings of the golden line with this text, prompt included.
std::vector<float> Golden(const std::string& text) {
  std::ifstream file(Model() / "golden.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto golden = nlohmann::json::parse(line);
    if (golden.at("text") == text) return golden.at("embedding").get<std::vector<float>>();
  }
  ADD_FAILURE() << "no golden line has " << text;
  return {};
}

TEST_F(DatabaseTest, PromptsGoBeforeQuestionsAndPassagesByTheirRole) {
  options.model_dir = Model();
  Open();
  auto collection = Create({.name = "texts"});
  EXPECT_EQ(collection->info().space.query_prompt, "query: ");
  ASSERT_TRUE(Upsert(*collection, {Text("a", "the tokenizer splits words into pieces")}).ok());
  SearchRequest by_text{.query = TextQuery{"how does the tokenizer split words"}};
  by_text.select.vectors = true;
  const auto answer = Search(*collection, by_text);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const ScoredPassage& passage = answer->hits[0].passages[0];
  const std::vector<float> stored = Golden("passage: the tokenizer splits words into pieces");
  const std::vector<float> asked = Golden("query: how does the tokenizer split words");
  // In whatever precision this processor computes.
  const bool exact = (*database->encoders().Find(""))->info().precision == "float32";
  float score = 0;
  ASSERT_EQ(passage.vector.size(), stored.size());
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_NEAR(passage.vector[i], stored[i], exact ? 1e-4 : 0.05);
    score += stored[i] * asked[i];
  }
  EXPECT_NEAR(passage.score, score, exact ? 1e-4 : 0.05);
}

}  // namespace
}  // namespace kith::engine
