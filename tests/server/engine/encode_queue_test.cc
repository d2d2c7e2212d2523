#include "server/engine/encode_queue.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

EncoderRef TinyEncoder() {
  static const EncoderRef encoder = [] {
    auto loaded = encoder::Encoder::Load(std::filesystem::path(KITH_TEST_DATA) / "encoder" /
                                         "tiny-bert-mean");
    KITH_CHECK(loaded.ok(), "the tiny model loads");
    return EncoderRef(*std::move(loaded));
  }();
  return encoder;
}

EncodeQueue::Sequence Sequence(const std::string& text) {
  return TinyEncoder()->Prepare(text, encoder::Role::kPassage).token_ids;
}

std::vector<float> Alone(const EncodeQueue::Sequence& sequence) {
  const std::span<const int32_t> ids = sequence;
  std::vector<float> out(TinyEncoder()->info().dimension);
  auto state = TinyEncoder()->NewRunState();
  EXPECT_TRUE(TinyEncoder()->Forward({&ids, 1}, state.get(), out.data(), Call::Background()).ok());
  return out;
}

TEST(EncodeQueueTest, ManyJobsGetTheirOwnRowsInOrder) {
  EncodeQueue queue(3, 1 << 20);
  constexpr int kJobs = 60;
  absl::BlockingCounter left(kJobs);
  for (int job = 0; job < kJobs; ++job) {
    std::vector<EncodeQueue::Sequence> sequences;
    for (int i = 0; i <= job % 7; ++i) {
      std::string text = "cat";
      for (int w = 0; w < (job * 5 + i) % 30; ++w) text += " dog";
      sequences.push_back(Sequence(text));
    }
    const auto role = job % 3 == 0 ? encoder::Role::kQuery : encoder::Role::kPassage;
    auto done = [&, sequences](absl::StatusOr<std::vector<float>> rows) {
      ASSERT_TRUE(rows.ok()) << rows.status();
      const size_t dimension = TinyEncoder()->info().dimension;
      ASSERT_EQ(rows->size(), sequences.size() * dimension);
      for (size_t i = 0; i < sequences.size(); ++i) {
        const std::vector<float> expected = Alone(sequences[i]);
        for (size_t d = 0; d < dimension; ++d) {
          ASSERT_NEAR((*rows)[i * dimension + d], expected[d], 1e-6);
        }
      }
      left.DecrementCount();
    };
    ASSERT_TRUE(queue.Submit(TinyEncoder(), sequences, role, NoDeadline(), done).ok());
  }
  left.Wait();
}

TEST(EncodeQueueTest, RefusesWhatIsBeyondItsBoundAndEndsTheRestWhenItStops) {
  EncodeQueue queue(1, 100);
  std::atomic<int> answered{0};
  int taken = 0;
  absl::Status refused;
  for (int i = 0; i < 10'000 && refused.ok(); ++i) {
    refused = queue.Submit(TinyEncoder(), {40, Sequence("cat dog")}, encoder::Role::kPassage,
                           NoDeadline(), [&](const auto&) { ++answered; });
    taken += refused.ok();
  }
  EXPECT_THAT(refused, FailsWith(absl::StatusCode::kResourceExhausted, "QUEUE_FULL"));
  queue.Stop();
  EXPECT_EQ(answered, taken);
  EXPECT_THAT(queue.Submit(TinyEncoder(), {Sequence("cat")}, encoder::Role::kQuery, NoDeadline(),
                           [](const auto&) {}),
              FailsWith(absl::StatusCode::kUnavailable, "DRAINING"));
}

TEST(EncodeQueueTest, DropsJobsWhoseCallersWentAway) {
  EncodeQueue queue(1, 1 << 20);
  auto call = std::make_shared<Call>();
  call->Cancel();
  absl::BlockingCounter left(1);
  ASSERT_TRUE(queue
                  .Submit(TinyEncoder(), {Sequence("cat")}, encoder::Role::kQuery, call,
                          [&](absl::StatusOr<std::vector<float>> rows) {
                            EXPECT_TRUE(absl::IsCancelled(rows.status()));
                            left.DecrementCount();
                          })
                  .ok());
  left.Wait();
}

CrossEncoderRef TinyCrossEncoder() {
  static const CrossEncoderRef model = [] {
    auto loaded = encoder::CrossEncoder::Load(std::filesystem::path(KITH_TEST_DATA) / "encoder" /
                                              "tiny-cross-encoder");
    KITH_CHECK(loaded.ok(), "the tiny cross-encoder loads");
    return CrossEncoderRef(*std::move(loaded));
  }();
  return model;
}

TEST(EncodeQueueTest, PairsGetTheirOwnLogitsBesideSequences) {
  EncodeQueue queue(2, 1 << 20);
  constexpr int kJobs = 40;
  absl::BlockingCounter left(2 * kJobs);
  for (int job = 0; job < kJobs; ++job) {
    std::vector<encoder::EncodedPair> pairs;
    for (int i = 0; i <= job % 9; ++i) {
      pairs.push_back(TinyCrossEncoder()->Prepare(
          "what is a cat?", std::string(static_cast<size_t>(1 + job + i), 'a') + " cat dog"));
    }
    std::vector<float> expected(pairs.size());
    auto state = TinyCrossEncoder()->NewRunState();
    ASSERT_TRUE(
        TinyCrossEncoder()->Forward(pairs, state.get(), expected.data(), Call::Background()).ok());
    ASSERT_TRUE(queue
                    .SubmitPairs(TinyCrossEncoder(), pairs, NoDeadline(),
                                 [&, expected](absl::StatusOr<std::vector<float>> logits) {
                                   ASSERT_TRUE(logits.ok()) << logits.status();
                                   ASSERT_EQ(logits->size(), expected.size());
                                   for (size_t i = 0; i < expected.size(); ++i) {
                                     ASSERT_NEAR((*logits)[i], expected[i], 1e-5);
                                   }
                                   left.DecrementCount();
                                 })
                    .ok());
    const EncodeQueue::Sequence sequence = Sequence("cat dog");
    ASSERT_TRUE(queue
                    .Submit(TinyEncoder(), {sequence}, encoder::Role::kQuery, NoDeadline(),
                            [&, sequence](absl::StatusOr<std::vector<float>> rows) {
                              ASSERT_TRUE(rows.ok());
                              const std::vector<float> alone = Alone(sequence);
                              for (size_t d = 0; d < alone.size(); ++d) {
                                ASSERT_NEAR((*rows)[d], alone[d], 1e-6);
                              }
                              left.DecrementCount();
                            })
                    .ok());
  }
  left.Wait();
}

// A queue with one worker, which stands still until Go: what was submitted before it goes waits.
class HeldQueueTest : public testing::Test {
 protected:
  HeldQueueTest() {
    EXPECT_TRUE(queue_
                    .Submit(TinyEncoder(), {Sequence("cat")}, encoder::Role::kQuery, NoDeadline(),
                            [this](const auto&) {
                              held_.Notify();
                              go_.WaitForNotification();
                            })
                    .ok());
    held_.WaitForNotification();
  }

  // Adds `name` to ended() when the job of `sequences` has ended.
  void Submit(const std::string& name, encoder::Role role, size_t sequences,
              std::shared_ptr<const Call> call = NoDeadline()) {
    const EncodeQueue::Sequence longest(64, 5);
    ASSERT_TRUE(queue_
                    .Submit(TinyEncoder(), {sequences, longest}, role, std::move(call),
                            [this, name](const absl::StatusOr<std::vector<float>>& rows) {
                              absl::MutexLock lock(&mu_);
                              ended_.push_back(name + (rows.ok() ? "" : " failed"));
                            })
                    .ok());
    ++jobs_;
  }

  std::vector<std::string> Go() {
    go_.Notify();
    absl::MutexLock lock(&mu_);
    const auto all = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ended_.size() == jobs_; };
    mu_.Await(absl::Condition(&all));
    return ended_;
  }

  static size_t PlaceOf(const std::vector<std::string>& ended, const std::string& name) {
    return static_cast<size_t>(std::find(ended.begin(), ended.end(), name) - ended.begin());
  }

  absl::Notification held_, go_;
  absl::Mutex mu_;
  std::vector<std::string> ended_ ABSL_GUARDED_BY(mu_);
  size_t jobs_ = 0;
  EncodeQueue queue_{1, 1 << 20};  // the last: its worker uses the rest
};

TEST_F(HeldQueueTest, AQueryOfManyTextsHoldsUpNoOther) {
  Submit("large", encoder::Role::kQuery, 400);
  for (int i = 0; i < 5; ++i) Submit("small", encoder::Role::kQuery, 1);
  EXPECT_EQ(Go().back(), "large");
}

TEST_F(HeldQueueTest, QueriesGoAheadOfPassages) {
  Submit("passages", encoder::Role::kPassage, 400);
  for (int i = 0; i < 5; ++i) Submit("query", encoder::Role::kQuery, 1);
  EXPECT_EQ(Go().back(), "passages");
}

TEST_F(HeldQueueTest, PassagesGetTheirTurnsHoweverManyQueriesWait) {
  Submit("first", encoder::Role::kPassage, 4);
  Submit("second", encoder::Role::kPassage, 4);
  for (int i = 0; i < 60; ++i) Submit("query", encoder::Role::kQuery, 4);
  const std::vector<std::string> ended = Go();
  // A job of four such sequences is a turn; every eighth turn is of passages.
  EXPECT_EQ(PlaceOf(ended, "first"), 7u);
  EXPECT_EQ(PlaceOf(ended, "second"), 15u);
}

TEST_F(HeldQueueTest, WhatNobodyWaitsForAnyMoreIsNotComputed) {
  auto cancelled = std::make_shared<Call>();
  auto expired = std::make_shared<Call>(Call::Clock::now());
  Submit("cancelled", encoder::Role::kQuery, 400, cancelled);
  Submit("expired", encoder::Role::kPassage, 400, expired);
  Submit("small", encoder::Role::kPassage, 1);
  cancelled->Cancel();
  const std::vector<std::string> ended = Go();
  EXPECT_EQ(ended, (std::vector<std::string>{"cancelled failed", "expired failed", "small"}));
}

TEST(EncodeQueueTest, ScratchMemoryDoesNotKeepAModelAlive) {
  auto loaded =
      encoder::Encoder::Load(std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean");
  ASSERT_TRUE(loaded.ok());
  EncoderRef encoder = *std::move(loaded);
  const std::weak_ptr<const void> weights = encoder->weights();
  EncodeQueue queue(2, 1 << 20);
  absl::BlockingCounter left(1);
  ASSERT_TRUE(queue
                  .Submit(encoder, {Sequence("cat")}, encoder::Role::kQuery, NoDeadline(),
                          [&](const auto&) { left.DecrementCount(); })
                  .ok());
  left.Wait();
  encoder.reset();
  // The worker gives its slice back after it has answered.
  while (!weights.expired()) std::this_thread::yield();
  queue.Forget();
}

}  // namespace
}  // namespace kith::engine
