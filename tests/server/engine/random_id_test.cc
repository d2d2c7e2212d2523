#include "server/engine/random_id.h"

#include "fixture.h"

namespace kith::engine {
namespace {

TEST(RandomIdTest, UlidsAreWrittenAsTheSpecificationSays) {
  // The highest: 2^48 - 1 milliseconds, all bits set.
  const uint8_t ones[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  EXPECT_EQ(FormatUlid((int64_t{1} << 48) - 1, ones), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  const uint8_t zeros[10] = {};
  EXPECT_EQ(FormatUlid(0, zeros), "00000000000000000000000000");
  // The specification's example of a time: 1469918176385 is 01ARYZ6S41.
  EXPECT_EQ(FormatUlid(1469918176385, zeros).substr(0, 10), "01ARYZ6S41");
}

TEST(RandomIdTest, UlidsSortByTimeAndDiffer) {
  EXPECT_LT(NewUlid(1), NewUlid(2));
  EXPECT_NE(NewUlid(1), NewUlid(1));
  EXPECT_EQ(ToHex(NewUuidBytes()).size(), 32u);
}

}  // namespace
}  // namespace kith::engine
