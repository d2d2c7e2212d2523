// Who runs when, on the threads of the index.

#include "server/engine/indexing/index_scheduler.h"

#include <memory>

#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

using Kind = IndexScheduler::Kind;

// A task that holds its thread until it is let go.
struct Holder {
  absl::Notification running, go, ended;
  IndexScheduler::Task Task() {
    return [this] {
      running.Notify();
      go.WaitForNotification();
      ended.Notify();
    };
  }
};

TEST(IndexSchedulerTest, ALongMergeDoesNotHoldUpSealing) {
  IndexScheduler scheduler(1);
  Holder merge, seal;
  scheduler.Submit(Kind::kMerge, merge.Task());
  merge.running.WaitForNotification();
  scheduler.Submit(Kind::kSeal, seal.Task());
  seal.running.WaitForNotification();
  seal.go.Notify();
  merge.go.Notify();
  seal.ended.WaitForNotification();
  merge.ended.WaitForNotification();
}

TEST(IndexSchedulerTest, LongMergesLeaveAThreadForOthers) {
  IndexScheduler scheduler(2);
  Holder long_merge, next_long, merge;
  scheduler.Submit(Kind::kLongMerge, long_merge.Task());
  long_merge.running.WaitForNotification();
  scheduler.Submit(Kind::kLongMerge, next_long.Task());
  scheduler.Submit(Kind::kMerge, merge.Task());
  merge.running.WaitForNotification();
  EXPECT_FALSE(next_long.running.HasBeenNotified());
  merge.go.Notify();
  merge.ended.WaitForNotification();
  EXPECT_FALSE(next_long.running.HasBeenNotified());
  long_merge.go.Notify();
  next_long.running.WaitForNotification();
  next_long.go.Notify();
  next_long.ended.WaitForNotification();
}

TEST(IndexSchedulerTest, OneThreadTakesLongMergesToo) {
  IndexScheduler scheduler(1);
  Holder long_merge;
  scheduler.Submit(Kind::kLongMerge, long_merge.Task());
  long_merge.go.Notify();
  long_merge.ended.WaitForNotification();
}

TEST(IndexSchedulerTest, HelpersAreThreadsThatAreIdleButForOne) {
  IndexScheduler scheduler(4);
  Holder merge, second, later;
  scheduler.Submit(Kind::kMerge, merge.Task());
  merge.running.WaitForNotification();
  {
    IndexScheduler::Helpers one(&scheduler, 1);
    EXPECT_EQ(one.count(), 1);
    IndexScheduler::Helpers rest(&scheduler, 100);
    EXPECT_EQ(rest.count(), 1);
    IndexScheduler::Helpers none(&scheduler, 100);
    EXPECT_EQ(none.count(), 0);
    scheduler.Submit(Kind::kMerge, second.Task());
    second.running.WaitForNotification();
    scheduler.Submit(Kind::kMerge, later.Task());
    EXPECT_FALSE(later.running.HasBeenNotified());  // the threads are lent out
  }
  later.running.WaitForNotification();
  for (Holder* holder : {&merge, &second, &later}) {
    holder->go.Notify();
    holder->ended.WaitForNotification();
  }
}

TEST(IndexSchedulerTest, IdleWorkComesAfterAllOther) {
  IndexScheduler scheduler(1);
  Holder first, seal_thread;
  scheduler.Submit(Kind::kMerge, first.Task());
  first.running.WaitForNotification();
  scheduler.Submit(Kind::kSeal, seal_thread.Task());
  seal_thread.running.WaitForNotification();
  std::string order;
  absl::Notification done;
  scheduler.Submit(Kind::kIdle, [&] {
    order += 'i';
    done.Notify();
  });
  scheduler.Submit(Kind::kMerge, [&] { order += 'm'; });
  first.go.Notify();
  done.WaitForNotification();
  EXPECT_EQ(order, "mi");
  seal_thread.go.Notify();
  seal_thread.ended.WaitForNotification();
}

TEST(IndexSchedulerTest, StopCancelsCallsAndDropsWhatWaits) {
  auto held = std::make_shared<int>(0);
  IndexScheduler scheduler(1);
  const std::shared_ptr<Call> call = scheduler.NewCall();
  Holder merge;
  absl::Notification begun;
  scheduler.Submit(Kind::kMerge, [&, call] {
    begun.Notify();
    while (call->Check().ok()) {
    }
  });
  begun.WaitForNotification();
  scheduler.Submit(Kind::kMerge, [held] { ++*held; });
  scheduler.Stop();
  scheduler.Submit(Kind::kSeal, [held] { ++*held; });
  EXPECT_EQ(*held, 0);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(call->Check().ok());
  EXPECT_FALSE(scheduler.NewCall()->Check().ok());
}

}  // namespace
}  // namespace kith::engine
