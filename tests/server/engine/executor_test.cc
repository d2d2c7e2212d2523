#include "server/engine/executor.h"

#include <atomic>
#include <chrono>

#include "absl/synchronization/notification.h"
#include "fixture.h"
#include "server/engine/timer.h"

namespace kith::engine {
namespace {

TEST(ExecutorTest, RefusesBeyondItsCapacity) {
  Executor executor("test", 1, 2);
  absl::Notification started, go;
  executor.Post([&] {
    started.Notify();
    go.WaitForNotification();
  });
  started.WaitForNotification();
  EXPECT_TRUE(executor.Submit(NoDeadline(), [](const absl::Status&) {}).ok());
  EXPECT_TRUE(executor.Submit(NoDeadline(), [](const absl::Status&) {}).ok());
  const absl::Status full = executor.Submit(NoDeadline(), [](const absl::Status&) {});
  EXPECT_THAT(full, FailsWith(absl::StatusCode::kResourceExhausted, "QUEUE_FULL"));
  EXPECT_GT(DetailsOf(full).retry_after, absl::ZeroDuration());
  go.Notify();
}

TEST(ExecutorTest, TellsTasksThatTheirCallersWentAway) {
  Executor executor("test", 1, 2);
  auto call = std::make_shared<Call>();
  call->Cancel();
  absl::Notification done;
  ASSERT_TRUE(executor
                  .Submit(call,
                          [&](absl::Status status) {
                            EXPECT_TRUE(absl::IsCancelled(status));
                            done.Notify();
                          })
                  .ok());
  done.WaitForNotification();
}

TEST(ExecutorTest, StopRunsWhatIsQueuedAndRefusesTheRest) {
  std::atomic<int> ran{0};
  Executor executor("test", 2, 100);
  for (int i = 0; i < 50; ++i) executor.Post([&] { ++ran; });
  executor.Stop();
  EXPECT_EQ(ran, 50);
  EXPECT_THAT(executor.Submit(NoDeadline(), [](const absl::Status&) {}),
              FailsWith(absl::StatusCode::kUnavailable, "DRAINING"));
}

TEST(StrandTest, RunsTasksOneAtATimeInOrder) {
  Executor executor("test", 4, 100);
  Strand strand(&executor);
  std::atomic<int> inside{0};
  std::vector<int> order;  // the strand is what guards it
  for (int i = 0; i < 500; ++i) {
    strand.Post([&, i] {
      EXPECT_EQ(inside.fetch_add(1), 0);
      order.push_back(i);
      inside.fetch_sub(1);
    });
  }
  executor.Stop();
  ASSERT_EQ(order.size(), 500u);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(order[i], i);
}

TEST(TimerTest, RunsInOrderOfTimeAndNothingAfterStop) {
  Timer timer;
  absl::Notification done;
  std::vector<int> order;  // the timer's one thread guards it
  const auto now = Timer::Clock::now();
  timer.At(now + std::chrono::milliseconds(20), [&] {
    order.push_back(2);
    done.Notify();
  });
  timer.At(now + std::chrono::milliseconds(10), [&] { order.push_back(1); });
  timer.At(now + std::chrono::hours(1), [&] { order.push_back(3); });
  done.WaitForNotification();
  timer.Stop();
  EXPECT_THAT(order, testing::ElementsAre(1, 2));
}

}  // namespace
}  // namespace kith::engine
