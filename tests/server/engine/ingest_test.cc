// Streams: prepared in any order, committed and answered in the order pushed.

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "fixture.h"
#include "server/engine/ingest_session.h"

namespace kith::engine {
namespace {

using absl::StatusCode;

class IngestTest : public DatabaseTest {};

TEST_F(IngestTest, AnswersInOrderWhateverPreparationTakes) {
  auto articles = CreateTexts("articles");
  auto session = articles->Ingest("", std::nullopt, Truncation::kEnd, NoDeadline());
  ASSERT_TRUE(session.ok());
  constexpr int kBatches = 40;
  absl::BlockingCounter left(kBatches);
  absl::Mutex mu;
  std::vector<int> order;
  std::vector<uint64_t> sequences;
  for (int i = 0; i < kBatches; ++i) {
    // Long texts and short ones by turns, and one in ten that is refused.
    std::string text = i % 2 == 0 ? "short" : "";
    for (int word = 0; word < 400 && i % 2 == 1; ++word) text += "word ";
    if (i % 10 == 9) text = " ";
    (*session)->Push(i + 1, {Text("doc", text)}, [&, i](absl::StatusOr<UpsertAnswer> answer) {
      {
        absl::MutexLock lock(&mu);
        order.push_back(i);
        if (i % 10 == 9) {
          EXPECT_THAT(answer.status(), FailsWith(StatusCode::kInvalidArgument, "EMPTY_TEXT"));
        } else {
          EXPECT_TRUE(answer.ok()) << answer.status();
          sequences.push_back(answer->token.sequence);
        }
      }
      left.DecrementCount();  // last: the test may end, and with it what was locked
    });
  }
  session->reset();  // what was pushed is answered all the same
  left.Wait();
  for (int i = 0; i < kBatches; ++i) EXPECT_EQ(order[i], i);
  for (size_t i = 1; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], sequences[i - 1] + 1);
  auto last = Read(*articles)->Get({"doc"}, {.text = true});
  EXPECT_EQ(last->documents[0].text.substr(0, 5), "short");  // batch 38, the last one accepted
}

TEST_F(IngestTest, AResumedStreamWritesNothingTwice) {
  auto points = CreateVectors("points");
  const auto push = [&](uint64_t number, const std::string& id) {
    auto session = points->Ingest("stream", std::nullopt, Truncation::kEnd, NoDeadline());
    absl::BlockingCounter left(1);
    uint64_t sequence = 0;
    (*session)->Push(number, {Vec(id, {0, 0})}, [&](absl::StatusOr<UpsertAnswer> answer) {
      EXPECT_TRUE(answer.ok()) << answer.status();
      sequence = answer->token.sequence;
      left.DecrementCount();
    });
    left.Wait();
    return sequence;
  };
  const uint64_t first = push(1, "a");
  EXPECT_EQ(push(2, "b"), first + 1);
  EXPECT_EQ(push(1, "a"), first);
  EXPECT_EQ(Read(*points)->token().sequence, first + 1);
}

TEST_F(IngestTest, RefusesAStreamIdThatIsNone) {
  auto points = CreateVectors("points");
  EXPECT_TRUE(
      points->Ingest(std::string(64, 's'), std::nullopt, Truncation::kEnd, NoDeadline()).ok());
  EXPECT_THAT(
      points->Ingest(std::string(65, 's'), std::nullopt, Truncation::kEnd, NoDeadline()).status(),
      FailsWith(StatusCode::kInvalidArgument, "INVALID_ID"));
}

}  // namespace
}  // namespace kith::engine
