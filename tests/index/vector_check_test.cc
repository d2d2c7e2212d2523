#include "index/vector_check.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  std::string name;
  std::vector<float> vector;
  Metric metric;
  std::string reason;  // empty: fine
  std::string field = "";
};

TEST(VectorCheckTest, EveryBadVectorHasItsReason) {
  const Case cases[] = {
      {"short", {1}, Metric::kDot, "DIMENSION_MISMATCH"},
      {"long", {1, 2, 3}, Metric::kDot, "DIMENSION_MISMATCH"},
      {"empty", {}, Metric::kCosine, "DIMENSION_MISMATCH"},
      {"NaN", {1, kNan}, Metric::kL2, "VECTOR_NOT_FINITE", "[1]"},
      {"infinite", {-kInfinity, 1}, Metric::kDot, "VECTOR_NOT_FINITE", "[0]"},
      {"both infinities", {kInfinity, -kInfinity}, Metric::kDot, "VECTOR_NOT_FINITE", "[0]"},
      {"zero under cosine", {0, -0.0f}, Metric::kCosine, "ZERO_VECTOR"},
      {"zero under dot", {0, 0}, Metric::kDot, ""},
      {"zero under l2", {0, 0}, Metric::kL2, ""},
      {"denormal under cosine", {1e-45f, 0}, Metric::kCosine, "VECTOR_NORM"},
      {"denormal under dot", {1e-45f, 0}, Metric::kDot, ""},
      {"denormal under l2", {1e-45f, 0}, Metric::kL2, ""},
      {"too small under cosine", {0.9e-18f, 0}, Metric::kCosine, "VECTOR_NORM"},
      {"just large enough under cosine", {1.01e-18f, 0}, Metric::kCosine, ""},
      {"too large", {0, 1.01e18f}, Metric::kL2, "VECTOR_NORM"},
      {"too large together", {0.9e18f, 0.9e18f}, Metric::kDot, "VECTOR_NORM"},
      {"greatest floats", {3.4e38f, 3.4e38f}, Metric::kCosine, "VECTOR_NORM"},
      {"just small enough", {0.99e18f, 0}, Metric::kL2, ""},
  };
  for (const Case& c : cases) {
    const absl::Status status = ValidateVector(c.vector, c.metric, 2);
    EXPECT_EQ(DetailsOf(status).reason, c.reason) << c.name << ": " << status.ToString();
    EXPECT_EQ(DetailsOf(status).field, c.field) << c.name;
    EXPECT_EQ(status.code(),
              c.reason.empty() ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument)
        << c.name;
  }
}

TEST(VectorCheckTest, DimensionsAreOneToTheLimit) {
  EXPECT_FALSE(ValidateDimension(0).ok());
  EXPECT_TRUE(ValidateDimension(1).ok());
  EXPECT_TRUE(ValidateDimension(4096).ok());
  EXPECT_EQ(DetailsOf(ValidateDimension(4097)).reason, "DIMENSION_MISMATCH");
  EXPECT_FALSE(ValidateDimension((uint64_t{1} << 32) + 1).ok());
}

TEST(MetricTest, DistanceFollowsFromScore) {
  EXPECT_EQ(Distance(Metric::kCosine, 0.25f), 0.75f);
  EXPECT_EQ(Distance(Metric::kDot, 3.0f), -3.0f);
  EXPECT_EQ(Distance(Metric::kL2, -3.0f), 3.0f);
  EXPECT_FALSE(std::signbit(Distance(Metric::kL2, 0.0f)));
}

}  // namespace
}  // namespace kith::index
