#include "server/engine/field_registry.h"

#include "fixture.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

store::DocumentRecord With(const std::string& key, MetadataValue value) {
  store::DocumentRecord record;
  WriteMetadata({{key, std::move(value)}}, &record);
  return record;
}

TEST(FieldRegistryTest, RoundTripsThroughItsRecord) {
  FieldRegistry registry;
  EXPECT_TRUE(*registry.Absorb(With("a", std::string("x")), 10));
  EXPECT_TRUE(*registry.Absorb(With("b", Timestamp{1}), 10));
  EXPECT_FALSE(*registry.Absorb(With("a", std::string("y")), 10));
  EXPECT_EQ(FieldRegistry::FromRecord(registry.ToRecord())->types(), registry.types());
}

TEST(FieldRegistryTest, WidensIntegersToDoublesAndNotBack) {
  FieldRegistry registry;
  ASSERT_TRUE(registry.Absorb(With("n", int64_t{1}), 10).ok());
  EXPECT_TRUE(*registry.Absorb(With("n", 1.5), 10));
  EXPECT_FALSE(*registry.Absorb(With("n", int64_t{2}), 10));
  EXPECT_EQ(registry.types().at("n"), FieldType::kDouble);
  EXPECT_THAT(registry.Absorb(With("n", true), 10).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_TYPE_CONFLICT"));
}

TEST(FieldRegistryTest, HasAtMostSoManyFields) {
  FieldRegistry registry;
  EXPECT_TRUE(registry.Absorb(With("a", true), 2).ok());
  EXPECT_TRUE(registry.Absorb(With("b", true), 2).ok());
  EXPECT_THAT(registry.Absorb(With("c", true), 2).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "INVALID_METADATA"));
}

TEST(FieldRegistryTest, RefusesATypeThatNoVersionWrote) {
  store::FieldRegistry record;
  record.add_fields()->set_name("a");
  EXPECT_THAT(FieldRegistry::FromRecord(record).status(),
              FailsWith(absl::StatusCode::kDataLoss, "CORRUPTION"));
}

}  // namespace
}  // namespace kith::engine
