#include "server/engine/encode_queue.h"

#include <algorithm>
#include <atomic>

#include "absl/synchronization/blocking_counter.h"
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

}  // namespace
}  // namespace kith::engine
