// What the live sampler makes of its samples.

#include "server/engine/indexing/recall_sampler.h"

#include "fixture.h"

namespace kith::engine {
namespace {

TEST(RecallSamplerTest, SaysNothingBeforeTheFirstSample) {
  RecallSampler sampler(nullptr, nullptr);
  EXPECT_FALSE(sampler.recall().has_value());
  EXPECT_EQ(sampler.boost(), 1);
}

TEST(RecallSamplerTest, WidensSearchesThatFallShortAndNarrowsThemAgain) {
  RecallSampler sampler(nullptr, nullptr);
  for (int i = 0; i < 200; ++i) sampler.Note(0.8, 0.95);
  EXPECT_NEAR(*sampler.recall(), 0.8, 1e-6);
  const double widened = sampler.boost();
  EXPECT_GT(widened, 1.5);
  for (int i = 0; i < 10'000; ++i) sampler.Note(0.8, 0.95);
  EXPECT_LE(sampler.boost(), 8);
  for (int i = 0; i < 10'000; ++i) sampler.Note(1, 0.95);
  EXPECT_LT(sampler.boost(), 1) << "what is found beyond the promise is paid for";
  EXPECT_GE(sampler.boost(), 0.5);
  EXPECT_NEAR(*sampler.recall(), 1, 1e-3);
}

TEST(RecallSamplerTest, LeavesSearchesAloneThatKeepThePromise) {
  RecallSampler sampler(nullptr, nullptr);
  for (int i = 0; i < 1000; ++i) sampler.Note(0.955, 0.95);
  EXPECT_EQ(sampler.boost(), 1);
}

TEST(SampleBudgetTest, OneSampleAtATimeAndNoneForNothing) {
  SampleBudget none(0, 4);
  EXPECT_FALSE(none.Begin());
  SampleBudget budget(0.01, 4);
  EXPECT_TRUE(budget.Begin());
  EXPECT_FALSE(budget.Begin());
  budget.End(0);
  EXPECT_TRUE(budget.Begin());
  budget.End(3600);  // an hour of processor time: for a while no other
  EXPECT_FALSE(budget.Begin());
}

}  // namespace
}  // namespace kith::engine
