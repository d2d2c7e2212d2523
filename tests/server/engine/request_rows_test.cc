#include "server/engine/request_rows.h"

#include "fixture.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

constexpr int64_t kDay = RequestRows::kLifetimeMicros;

class RequestRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    storage::StoreOptions options;
    options.data_dir = (folder_.path() / "data").string();
    auto opened = storage::Store::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    rows_.emplace(store_.get(), 1);
  }

  static PreparedWrite Request(const std::string& id, int64_t time, uint64_t hash = 7) {
    PreparedWrite write;
    write.request_id = id;
    write.time = {time};
    write.request_hash = {hash, hash};
    return write;
  }

  // One group with this one request.
  void Remember(const PreparedWrite& write) {
    storage::CommitBatch batch(*store_);
    batch.Begin(1, state_.sequence() + 1, state_.running_hash());
    uint64_t count = state_.request_rows();
    ASSERT_TRUE(rows_->Stage(write, state_.sequence() + 1, "answer", &count, &batch).ok());
    state_.set_request_rows(count);
    state_.set_running_hash(batch.End());
    state_.set_sequence(state_.sequence() + 1);
    batch.PutShardState(1, state_);
    const absl::Status committed = store_->Commit(batch, storage::Durability::kApplied);
    ASSERT_TRUE(committed.ok()) << committed;
    rows_->EndGroup(true);
  }

  TempFolder folder_;
  std::unique_ptr<storage::Store> store_;
  std::optional<RequestRows> rows_;
  store::ShardState state_;
};

TEST_F(RequestRowsTest, RemembersForADay) {
  Remember(Request("a", 1000));
  EXPECT_TRUE(rows_->Find(Request("a", 1000 + kDay))->has_value());
  EXPECT_FALSE(rows_->Find(Request("a", 1001 + kDay))->has_value());
  EXPECT_FALSE(rows_->Find(Request("b", 1000))->has_value());
  EXPECT_THAT(rows_->Find(Request("a", 1000, 8)).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(RequestRowsTest, RemovesOldRowsWhileNewOnesCome) {
  for (int i = 0; i < 600; ++i) Remember(Request("old " + std::to_string(i), i));
  EXPECT_EQ(state_.request_rows(), 600u);
  for (int i = 0; i < 250; ++i) Remember(Request("new " + std::to_string(i), 2 * kDay + i));
  EXPECT_EQ(state_.request_rows(), 250u);
  EXPECT_FALSE(store_->Latest().GetRequest(1, "old 599")->has_value());
  EXPECT_TRUE(store_->Latest().GetRequest(1, "new 0")->has_value());
}

TEST_F(RequestRowsTest, AnIdUsedAnewAfterADayIsCountedOnce) {
  Remember(Request("a", 1000));
  Remember(Request("a", 5000 + kDay, 9));
  EXPECT_EQ(state_.request_rows(), 1u);
  EXPECT_EQ(store_->Latest().GetRequest(1, "a")->value().time_us(), 5000 + kDay);
  Remember(Request("b", 6000 + kDay));
  EXPECT_EQ(state_.request_rows(), 2u);
  EXPECT_TRUE(store_->Latest().GetRequest(1, "a")->has_value());
}

}  // namespace
}  // namespace kith::engine
