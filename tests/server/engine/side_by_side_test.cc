// Parts of a piece of work on idle threads.

#include "server/engine/side_by_side.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

TEST(SideBySideTest, EveryPartRunsOnceWhateverTheThreadsAreDoing) {
  for (const int threads : {1, 2, 4}) {
    Executor executor("test", threads, 10);
    for (const size_t count : {0u, 1u, 2u, 3u, 100u}) {
      std::vector<std::atomic<int>> calls(count);
      SideBySide(executor, count, [&](size_t i) { ++calls[i]; });
      for (const std::atomic<int>& n : calls) EXPECT_EQ(n, 1);
    }
  }
}

TEST(SideBySideTest, IdleThreadsHelp) {
  Executor executor("test", 2, 10);
  while (!executor.PostIfIdle([] {})) {
  }
  // Each part waits for the others: one thread alone would never be done. Threads become idle in
  // their own time, so that it may take more than one attempt to find both.
  bool together = false;
  while (!together) {
    std::atomic<int> running{0};
    std::atomic<bool> met{false};
    SideBySide(executor, 3, [&](size_t) {
      if (++running == 3) met = true;
      for (int i = 0; i < 1'000'000 && !met; ++i) {
      }
      --running;
    });
    together = met;
  }
}

TEST(SideBySideTest, BusyThreadsAreNotWaitedFor) {
  Executor executor("test", 1, 10);
  absl::Notification begun, go;
  executor.Post([&] {
    begun.Notify();
    go.WaitForNotification();
  });
  begun.WaitForNotification();
  EXPECT_FALSE(executor.PostIfIdle([] {}));
  int calls = 0;
  SideBySide(executor, 5, [&](size_t) { ++calls; });
  EXPECT_EQ(calls, 5);
  go.Notify();
}

TEST(SideBySideTest, WorkOnAnExecutorMayUseTheSameOne) {
  Executor executor("test", 2, 100);
  constexpr int kTasks = 20;
  std::atomic<int> calls{0};
  std::atomic<int> left{kTasks};
  absl::Notification done;
  for (int task = 0; task < kTasks; ++task) {
    executor.Post([&] {
      SideBySide(executor, 7, [&](size_t) { ++calls; });
      if (--left == 0) done.Notify();
    });
  }
  done.WaitForNotification();
  EXPECT_EQ(calls, kTasks * 7);
}

}  // namespace
}  // namespace kith::engine
