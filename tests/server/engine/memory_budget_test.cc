#include "server/engine/memory_budget.h"

#include <thread>

#include "fixture.h"

namespace kith::engine {
namespace {

TEST(MemoryBudgetTest, RefusesWritesAboveNineTenths) {
  MemoryBudget budget(1000);
  auto held = budget.ReserveForWrite(900);
  ASSERT_TRUE(held.ok());
  EXPECT_THAT(budget.ReserveForWrite(1).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "MEMORY_BUDGET"));
  EXPECT_THAT(budget.ReserveForWrite(UINT64_MAX).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "MEMORY_BUDGET"));
  held->Resize(100);
  EXPECT_TRUE(budget.ReserveForWrite(800).ok());
  EXPECT_EQ(budget.used(), 100u);
}

TEST(MemoryBudgetTest, NeverRefusesWhatIsThereAlready) {
  MemoryBudget budget(1000);
  const auto taken = budget.Take(5000);
  EXPECT_EQ(budget.used(), 5000u);
  EXPECT_FALSE(budget.ReserveForWrite(0).ok());
}

TEST(MemoryBudgetTest, IsNeverOvershotByWritersAtOnce) {
  MemoryBudget budget(100'000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        auto held = budget.ReserveForWrite(30'000);
        if (held.ok()) {
          EXPECT_LE(budget.used(), 90'000u);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0u);
}

TEST(MemoryBudgetTest, ABuildMayTakeWhatAWriteMayNotButNoMore) {
  MemoryBudget budget(1000);
  const auto writes = budget.ReserveForWrite(900);
  EXPECT_THAT(budget.ReserveForWrite(50).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget));
  const auto build = budget.ReserveForBuild(100);
  EXPECT_TRUE(build.ok());
  EXPECT_EQ(budget.used(), 1000u);
  EXPECT_THAT(budget.ReserveForBuild(1).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget));
  EXPECT_THAT(budget.ReserveForBuild(UINT64_MAX).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget));
  EXPECT_EQ(budget.used(), 1000u);
}

}  // namespace
}  // namespace kith::engine
