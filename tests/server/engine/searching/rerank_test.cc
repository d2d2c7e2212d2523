// Searches whose best hits a cross-encoder judges once more: against sorting the plain search's
// hits by what the cross-encoder itself says of them.

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>

#include "absl/synchronization/notification.h"
#include "encoder/text/passage_text.h"
#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using index::CompareOp;
using index::Filter;
using testing::ElementsAre;
using testing::IsEmpty;

class RerankTest : public DatabaseTest {
 protected:
  RerankTest() {
    const auto data = std::filesystem::path(KITH_TEST_DATA) / "encoder";
    options.model_dir = data / "tiny-bert-mean";
    options.models_dir = data;
    options.load_models = {"tiny-cross-encoder"};
  }

  // Documents of one to three passages of random words, with metadata.
  void Fill(size_t count) {
    static constexpr std::array<const char*, 10> kWords = {
        "cat", "dog", "city", "book", "capital", "people", "time", "date", "who", "live"};
    const unsigned seed = std::random_device()();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Open();
    CollectionSpec spec{.name = "texts"};
    spec.options.splitter.max_tokens = 24;
    spec.options.splitter.overlap_tokens = 0;
    collection_ = Create(spec);
    std::vector<DocumentInput> inputs;
    for (size_t i = 0; i < count; ++i) {
      std::string text;
      for (size_t section = 0; section <= random() % 3; ++section) {
        text += "# Part " + std::string(kWords[random() % 10]) + "\n\n";
        for (size_t words = 3 + random() % 9; words > 0; --words) {
          text += std::string(kWords[random() % 10]) + " ";
        }
        text += "\n\n";
      }
      inputs.push_back(Text("d" + std::to_string(i), text,
                            {{"n", static_cast<int64_t>(i)},
                             {"color", std::string(1, static_cast<char>('a' + random() % 4))}}));
    }
    ASSERT_TRUE(Upsert(*collection_, inputs).ok());
    model_ = *database->encoders().FindCrossEncoder("");
  }

  float ScoreOf(const std::string& question, const ScoredPassage& passage, bool raw) const {
    const std::vector<encoder::EncodedPair> pairs = {model_->Prepare(
        question, encoder::PassageText(passage.passage.heading_path, passage.text))};
    float logit = 0;
    auto state = model_->NewRunState();
    EXPECT_TRUE(model_->Forward(pairs, state.get(), &logit, Call::Background()).ok());
    return raw ? logit : encoder::RelevanceOf(logit);
  }

  SearchRequest Reranked(SearchRequest request, int64_t depth, std::string query = {}) const {
    request.rerank = Rerank{.model = model_, .depth = depth, .query = std::move(query)};
    return request;
  }

  // The plain search's first `depth` hits, in the order of the best of their passages' scores.
  void ExpectAsSorted(const SearchRequest& request, int64_t depth, const std::string& question,
                      bool raw = false) {
    SearchRequest plain = request;
    plain.limit = depth;
    plain.offset = 0;
    auto before = Search(*collection_, plain);
    ASSERT_TRUE(before.ok()) << before.status();
    struct Expected {
      const SearchHit* hit;
      uint32_t rank;
      std::vector<std::pair<float, const ScoredPassage*>> passages;
    };
    std::vector<Expected> expected;
    for (const SearchHit& hit : before->hits) {
      Expected& one =
          expected.emplace_back(Expected{&hit, static_cast<uint32_t>(expected.size() + 1), {}});
      for (const ScoredPassage& passage : hit.passages) {
        one.passages.emplace_back(ScoreOf(question, passage, raw), &passage);
      }
      std::stable_sort(one.passages.begin(), one.passages.end(),
                       [](const auto& a, const auto& b) { return a.first > b.first; });
    }
    std::stable_sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
      return a.passages[0].first > b.passages[0].first;
    });

    SearchRequest again = Reranked(request, depth, "");
    again.rerank->raw_scores = raw;
    if (question != QuestionOf(request)) again.rerank->query = question;
    const auto after = Search(*collection_, again);
    ASSERT_TRUE(after.ok()) << after.status();
    const size_t skipped = std::min<size_t>(request.offset, expected.size());
    ASSERT_EQ(after->hits.size(), std::min<size_t>(request.limit, expected.size() - skipped));
    for (size_t i = 0; i < after->hits.size(); ++i) {
      const SearchHit& hit = after->hits[i];
      const Expected& one = expected[skipped + i];
      EXPECT_EQ(hit.former_rank, one.rank);
      ASSERT_EQ(hit.passages.size(), one.passages.size());
      EXPECT_EQ(hit.group, one.hit->group);
      EXPECT_EQ(hit.document_id, one.passages[0].second->document_id);
      EXPECT_EQ(std::get<int64_t>(hit.metadata.at("n")), std::stoll(hit.document_id.substr(1)));
      EXPECT_FALSE(hit.etag.empty());
      for (size_t j = 0; j < hit.passages.size(); ++j) {
        const ScoredPassage& passage = hit.passages[j];
        const ScoredPassage& former = *one.passages[j].second;
        ASSERT_TRUE(passage.rerank.has_value());
        EXPECT_NEAR(passage.rerank->score, one.passages[j].first, 1e-5);
        EXPECT_EQ(passage.passage.begin, former.passage.begin);
        EXPECT_EQ(passage.text, former.text);
        EXPECT_EQ(passage.score, former.score);
        EXPECT_EQ(passage.distance, former.distance);
        EXPECT_EQ(&one.hit->passages[passage.rerank->former_rank - 1], &former);
      }
    }
    EXPECT_EQ(after->exhausted,
              static_cast<int64_t>(expected.size()) < request.limit + request.offset);
  }

  static std::string QuestionOf(const SearchRequest& request) {
    if (const auto* text = std::get_if<TextQuery>(&request.query)) return text->text;
    if (const auto* lexical = std::get_if<LexicalQuery>(&request.query)) return lexical->text;
    if (const auto* hybrid = std::get_if<HybridQuery>(&request.query)) {
      return std::get<TextQuery>(hybrid->parts[0]).text;
    }
    return "";
  }

  const std::string question_ = "who live in the city";
  std::shared_ptr<Collection> collection_;
  CrossEncoderRef model_;
};

TEST_F(RerankTest, TheBestHitsComeInTheOrderOfTheCrossEncoder) {
  Fill(40);
  ExpectAsSorted({.query = TextQuery{question_}, .limit = 20}, 20, question_);
  ExpectAsSorted({.query = TextQuery{question_}, .limit = 5}, 30, question_);
  ExpectAsSorted({.query = TextQuery{question_}, .limit = 7, .offset = 6}, 13, question_);
  ExpectAsSorted({.query = TextQuery{question_}, .limit = 10, .offset = 200}, 210, question_);
  ExpectAsSorted({.query = TextQuery{question_}, .limit = 9}, 9, "another question", true);
}

TEST_F(RerankTest, WordsHybridsFiltersAndVectorsAreJudgedAlike) {
  Fill(40);
  ExpectAsSorted({.query = LexicalQuery{question_}, .limit = 8}, 20, question_);
  ExpectAsSorted(
      {.query = HybridQuery{.parts = {TextQuery{question_}, LexicalQuery{question_}}}, .limit = 8},
      20, question_);
  ExpectAsSorted({.query = TextQuery{question_},
                  .filter = Filter::Compare("n", CompareOp::kLess, int64_t{9}),
                  .limit = 8},
                 20, question_);
  ExpectAsSorted({.query = DocumentQuery{"d3"}, .limit = 5}, 20, question_);
  ExpectAsSorted({.query = VectorQuery{std::vector<float>(64, 0.1f)}, .limit = 5, .exact = true},
                 20, question_);
}

TEST_F(RerankTest, GroupsAreJudgedByAllTheirPassages) {
  Fill(40);
  for (const int64_t passages : {1, 2, 5}) {
    SearchRequest request{.query = TextQuery{question_}, .limit = 6};
    request.passages_per_group = passages;
    request.group_by.kind = GroupBy::Kind::kDocument;
    ExpectAsSorted(request, 12, question_);
    request.limit = 4;
    request.group_by = {GroupBy::Kind::kField, "color"};
    ExpectAsSorted(request, 4, question_);
  }
}

TEST_F(RerankTest, TheAnswerSaysWhatItCostAndHowItWasDone) {
  Fill(20);
  SearchRequest request =
      Reranked({.query = TextQuery{question_}, .limit = 3, .explain = true}, 10);
  request.select.text = false;
  const auto answer = Search(*collection_, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->reranked_passages, 10u);
  EXPECT_GT(answer->rerank_tokens, 10u * 5);
  for (const SearchHit& hit : answer->hits) EXPECT_TRUE(hit.passages[0].text.empty());
  const auto& stages = answer->explanation->stages;
  EXPECT_EQ(stages.back().name, "rerank");
  EXPECT_EQ(stages.back().counts[1], (std::pair<std::string, uint64_t>{"passages", 10}));
  int64_t total = 0;
  for (const auto& stage : stages) total += stage.nanoseconds;
  EXPECT_EQ(total, answer->explanation->nanoseconds);
}

TEST_F(RerankTest, LongPassagesAreCutAndSaySoOrAreRefused) {
  Fill(1);
  CollectionSpec spec{.name = "long"};
  spec.options.splitter.kind = SplitterKind::kNone;
  collection_ = Create(spec);
  std::string text;
  for (int i = 0; i < 200; ++i) text += "cat dog ";
  ASSERT_TRUE(Upsert(*collection_, {Text("long", text), Text("short", "cat")}).ok());
  SearchRequest request = Reranked({.query = TextQuery{"cat"}}, 10);
  const auto answer = Search(*collection_, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  uint64_t dropped = 0;
  for (const SearchHit& hit : answer->hits) {
    EXPECT_EQ(hit.passages[0].rerank->dropped_tokens > 0, hit.document_id == "long");
    dropped += hit.passages[0].rerank->dropped_tokens;
  }
  EXPECT_EQ(dropped, answer->rerank_dropped_tokens);
  request.rerank->truncation = Truncation::kNever;
  EXPECT_THAT(Search(*collection_, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "TOO_MANY_TOKENS"));
}

TEST_F(RerankTest, WhatHasNoTextFollowsAndASearchOfNothingElseIsRefused) {
  Fill(1);
  collection_ = CreateVectors("mixed", 2);
  const SearchRequest request = Reranked({.query = VectorQuery{{0, 0}}}, 10, "what is a cat?");
  // Nothing found is nothing to judge.
  EXPECT_THAT(Ids(*Search(*collection_, request)), IsEmpty());
  ASSERT_TRUE(Upsert(*collection_, {Vec("near", {1, 0}), Vec("far", {2, 0})}).ok());
  EXPECT_THAT(Search(*collection_, request).status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_TEXT"));
  DocumentInput with_text = Vec("text", {3, 0});
  with_text.text = "a cat";
  ASSERT_TRUE(Upsert(*collection_, {with_text}).ok());
  const auto answer = Search(*collection_, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(Ids(*answer), ElementsAre("text", "near", "far"));
  EXPECT_EQ(answer->hits[0].former_rank, 3u);
  EXPECT_FALSE(answer->hits[1].passages[0].rerank.has_value());
  EXPECT_EQ(answer->reranked_passages, 1u);
}

TEST_F(RerankTest, WhatMakesNoSenseIsRefusedByItsField) {
  Fill(2);
  const auto refusal = [&](SearchRequest request) {
    const absl::Status status = Search(*collection_, std::move(request)).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    return DetailsOf(status).reason + " " + DetailsOf(status).field;
  };
  const SearchRequest text{.query = TextQuery{question_}, .limit = 10};
  EXPECT_EQ(refusal(Reranked(text, 9)), "LIMIT_OUT_OF_RANGE rerank.depth");
  EXPECT_EQ(refusal(Reranked(text, 1001)), "LIMIT_OUT_OF_RANGE rerank.depth");
  EXPECT_TRUE(Search(*collection_, Reranked(text, 1000)).ok());
  SearchRequest grouped = text;
  grouped.group_by.kind = GroupBy::Kind::kDocument;
  grouped.passages_per_group = 10;
  EXPECT_TRUE(Search(*collection_, Reranked(grouped, 100)).ok());
  EXPECT_EQ(refusal(Reranked(grouped, 101)), "LIMIT_OUT_OF_RANGE rerank.depth");
  SearchRequest diverse = text;
  diverse.diversify = Diversify{};
  EXPECT_EQ(refusal(Reranked(diverse, 20)), "INVALID_REQUEST rerank");
  EXPECT_EQ(refusal(Reranked({.query = DocumentQuery{"d0"}}, 20)), "EMPTY_TEXT rerank.query");
  EXPECT_EQ(refusal(Reranked(text, 20, "  ")), "EMPTY_TEXT rerank.query");
  EXPECT_EQ(refusal(Reranked(text, 20, "\xff")), "INVALID_UTF8 rerank.query");
}

TEST_F(RerankTest, NobodyJudgesForACallerWhoLeft) {
  Fill(10);
  for (const bool cancelled : {true, false}) {
    auto call = cancelled ? std::make_shared<Call>() : std::make_shared<Call>(Call::Clock::now());
    if (cancelled) call->Cancel();
    absl::Notification done;
    absl::Status status;
    collection_->Search({Reranked({.query = LexicalQuery{question_}}, 10)}, std::nullopt, call,
                        [&](const auto& answers) {
                          status = answers.status();
                          done.Notify();
                        });
    done.WaitForNotification();
    EXPECT_EQ(status.code(), cancelled ? StatusCode::kCancelled : StatusCode::kDeadlineExceeded);
  }
}

TEST_F(RerankTest, EachSearchOfABatchIsJudgedByItself) {
  Fill(30);
  const std::vector<SearchRequest> requests = {
      Reranked({.query = TextQuery{question_}, .limit = 5}, 20),
      {.query = TextQuery{question_}, .limit = 5},
      Reranked({.query = LexicalQuery{"cat"}, .limit = 5}, 10)};
  absl::Notification done;
  collection_->Search(requests, std::nullopt, NoDeadline(), [&](const auto& answers) {
    ASSERT_TRUE(answers.ok()) << answers.status();
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(Ids(answers->at(i)), Ids(*Search(*collection_, requests[i]))) << i;
    }
    done.Notify();
  });
  done.WaitForNotification();
}

TEST_F(RerankTest, AQuestionThatWasAskedBeforeIsNotEncodedAgain) {
  Fill(5);
  const SearchRequest request{.query = TextQuery{"a question of its own"}};
  const auto first = Search(*collection_, request);
  const auto second = Search(*collection_, request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->cached_texts, 0u);
  EXPECT_EQ(second->cached_texts, 1u);
  EXPECT_EQ(second->encoded_tokens, first->encoded_tokens);
  EXPECT_EQ(Ids(*first), Ids(*second));
  for (size_t i = 0; i < first->hits.size(); ++i) {
    EXPECT_EQ(first->hits[i].passages[0].score, second->hits[i].passages[0].score);
  }
  EXPECT_EQ(database->encoders().query_cache().hits, 1u);
  // One that was cut is still too long for who allows no cut.
  std::string text;
  for (int i = 0; i < 100; ++i) text += "cat ";
  SearchRequest cut{.query = TextQuery{text}};
  const auto answer = Search(*collection_, cut);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->query_truncated);
  EXPECT_EQ(answer->encoded_tokens, 64u);
  EXPECT_GT(answer->dropped_tokens, 100u - 64u);
  cut.truncation = Truncation::kNever;
  EXPECT_THAT(Search(*collection_, cut).status(),
              FailsWith(StatusCode::kInvalidArgument, "TOO_MANY_TOKENS"));
}

}  // namespace
}  // namespace kith::engine
