#include "client/cli/progress.h"

#include "gtest/gtest.h"

namespace kith::cli {
namespace {

TEST(ProgressTest, ShowsShareCountRateAndTimeLeft) {
  EXPECT_EQ(FormatProgress({"ingest", "documents", 1234, 45, 100, 10.0}, 100),
            "ingest  45% [=========>          ]  1,234 documents  123/s  ETA 0:12");
}

TEST(ProgressTest, SaysNothingOfWhatItDoesNotKnow) {
  EXPECT_EQ(FormatProgress({"load", "documents", 0, 0, 0, 0}, 100), "load  0 documents");
  EXPECT_EQ(FormatProgress({"load", "documents", 7, 0, 0, 2}, 100), "load  7 documents  3.5/s");
}

TEST(ProgressTest, EndsAtAHundredPercentWithoutTimeLeft) {
  EXPECT_EQ(FormatProgress({"ingest", "documents", 20, 100, 100, 2}, 100),
            "ingest 100% [====================]  20 documents  10/s");
  // More than the total (a file that grew) is not more than all.
  EXPECT_EQ(FormatProgress({"ingest", "documents", 20, 150, 100, 2}, 100),
            "ingest 100% [====================]  20 documents  10/s");
}

TEST(ProgressTest, NeverPassesTheTerminalsWidth) {
  EXPECT_EQ(FormatProgress({"ingest", "documents", 1234, 45, 100, 10.0}, 20).size(), 20u);
}

TEST(ProgressTest, ClocksReadAsPeopleWriteThem) {
  EXPECT_EQ(FormatClock(0), "0:00");
  EXPECT_EQ(FormatClock(59.6), "1:00");
  EXPECT_EQ(FormatClock(3723), "1:02:03");
  EXPECT_EQ(FormatClock(-5), "0:00");
  EXPECT_EQ(FormatClock(1e18), "99:59:59");
}

}  // namespace
}  // namespace kith::cli
