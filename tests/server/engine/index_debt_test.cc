// How far writers are held back by an index that lags behind.

#include "server/engine/indexing/index_debt.h"

#include "fixture.h"

namespace kith::engine {
namespace {

using std::chrono::milliseconds;

class IndexDebtTest : public testing::Test {
 protected:
  double PauseSeconds(uint64_t debt_rows, uint64_t written) {
    debt.Set(debt_rows);
    return std::chrono::duration<double>(debt.PauseAfter(written)).count();
  }

  IndexingOptions options{
      .debt_paced_rows = 1000, .debt_refused_rows = 2000, .pace_max = milliseconds(500)};
  IndexDebt debt{&options};
};

TEST_F(IndexDebtTest, BelowTheFirstLimitNobodyWaits) {
  debt.NoteSealed(100, 1);
  EXPECT_EQ(PauseSeconds(0, 50), 0);
  EXPECT_EQ(PauseSeconds(999, 50), 0);
  EXPECT_EQ(PauseSeconds(2000, 0), 0);
}

TEST_F(IndexDebtTest, BetweenTheLimitsWritersFollowTheRateOfTheIndex) {
  debt.NoteSealed(1000, 1);
  EXPECT_NEAR(PauseSeconds(1000, 100), 0.050, 1e-6);  // twice the rate
  EXPECT_NEAR(PauseSeconds(2000, 100), 0.200, 1e-6);  // half of it
  EXPECT_GT(PauseSeconds(1600, 100), PauseSeconds(1300, 100));
}

TEST_F(IndexDebtTest, NoPauseIsLongerThanTheLongest) {
  EXPECT_NEAR(PauseSeconds(2000, 100), 0.5, 1e-6);  // no rate is known yet
  EXPECT_NEAR(PauseSeconds(1500, 100), 0.25, 1e-6);
  debt.NoteSealed(1, 1000);
  EXPECT_NEAR(PauseSeconds(5000, 100), 0.5, 1e-6);
}

TEST_F(IndexDebtTest, AtTheSecondLimitWritesAreRefusedWithAdvice) {
  debt.Set(1999);
  EXPECT_TRUE(debt.CheckWrite().ok());
  debt.Set(2000);
  const absl::Status refused = debt.CheckWrite();
  EXPECT_THAT(refused, FailsWith(absl::StatusCode::kResourceExhausted, reason::kIndexDebt));
  EXPECT_GT(DetailsOf(refused).retry_after, absl::ZeroDuration());
  EXPECT_EQ(DetailsOf(refused).metadata["debt"], "2000");
  EXPECT_EQ(DetailsOf(refused).metadata["limit"], "2000");
}

TEST_F(IndexDebtTest, TheRateFollowsTheLastSeals) {
  for (int i = 0; i < 50; ++i) debt.NoteSealed(1000, 1);
  EXPECT_NEAR(debt.rows_per_second(), 1000, 1);
  for (int i = 0; i < 50; ++i) debt.NoteSealed(1000, 4);
  EXPECT_NEAR(debt.rows_per_second(), 250, 1);
  debt.NoteSealed(0, 1);
  debt.NoteSealed(10, 0);
  EXPECT_NEAR(debt.rows_per_second(), 250, 1);
}

}  // namespace
}  // namespace kith::engine
