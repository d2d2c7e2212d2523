// The set of collections: made, changed, deleted, kept; operations; what happens at the end.

#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

Operation WaitFor(Database& database, const std::string& id) {
  absl::Notification done;
  absl::StatusOr<Operation> ended = absl::UnknownError("not called");
  database.operations().Wait(id, Call::Clock::now() + std::chrono::seconds(60),
                             [&](absl::StatusOr<Operation> operation) {
                               ended = std::move(operation);
                               done.Notify();
                             });
  done.WaitForNotification();
  EXPECT_TRUE(ended.ok()) << ended.status();
  return *ended;
}

TEST_F(DatabaseTest, RefusesNamesTwiceAndSaysIfTheSchemaIsTheSame) {
  CreateVectors("points");
  CollectionSpec same{.name = "points", .dimension = 2, .metric = Metric::kL2};
  auto again = database->CreateCollection(same);
  EXPECT_THAT(again.status(), FailsWith(StatusCode::kAlreadyExists, "COLLECTION_EXISTS"));
  EXPECT_EQ(DetailsOf(again.status()).metadata.at("same_schema"), "true");
  CollectionSpec other{.name = "points", .dimension = 3, .metric = Metric::kL2};
  EXPECT_EQ(DetailsOf(database->CreateCollection(other).status()).metadata.at("same_schema"),
            "false");
}

TEST_F(DatabaseTest, RefusesWhatNoCollectionCanBe) {
  Open();
  for (const char* name : {"", "..", "A", "-a", "a/b", "a b"}) {
    CollectionSpec spec{.name = name, .dimension = 2};
    EXPECT_THAT(database->CreateCollection(spec).status(),
                FailsWith(StatusCode::kInvalidArgument, "INVALID_NAME"))
        << name;
  }
  CollectionSpec wide{.name = "wide", .dimension = 4097};
  EXPECT_THAT(database->CreateCollection(wide).status(),
              FailsWith(StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  CollectionSpec widest{.name = "wide", .dimension = 4096};
  EXPECT_TRUE(database->CreateCollection(widest).ok());
  CollectionSpec text{.name = "text"};
  EXPECT_THAT(database->CreateCollection(text).status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_ENCODER"));
  text.encoder = "nobody";
  EXPECT_THAT(database->CreateCollection(text).status(),
              FailsWith(StatusCode::kNotFound, "ENCODER_NOT_FOUND"));
}

TEST_F(DatabaseTest, UpdatesDescriptionAndOptionsUnderAnEtag) {
  CreateVectors("points");
  CollectionUpdate update;
  update.description = "my points";
  update.if_match = database->GetCollection("points")->etag;
  auto changed = database->UpdateCollection("points", update);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->description, "my points");
  EXPECT_NE(changed->etag, update.if_match);
  EXPECT_THAT(database->UpdateCollection("points", update).status(),
              FailsWith(StatusCode::kAborted, "ETAG_MISMATCH"));
  Reopen();
  EXPECT_EQ(database->GetCollection("points")->description, "my points");
  EXPECT_EQ(database->GetCollection("points")->etag, changed->etag);
}

TEST_F(DatabaseTest, ADeletedCollectionIsGoneAndItsNameIsFree) {
  auto old = CreateVectors("points");
  const std::string old_etag = Upsert(*old, {Vec("a", {0, 0})})->results[0].etag;
  auto operation = database->DeleteCollection("points", "");
  ASSERT_TRUE(operation.ok()) << operation.status();
  EXPECT_THAT(database->Find("points").status(),
              FailsWith(StatusCode::kNotFound, "COLLECTION_NOT_FOUND"));
  EXPECT_THAT(Upsert(*old, {Vec("b", {0, 0})}).status(),
              FailsWith(StatusCode::kNotFound, "COLLECTION_NOT_FOUND"));
  auto fresh = CreateVectors("points");
  EXPECT_EQ(Read(*fresh)->count(), 0u);
  auto now = Upsert(*fresh, {Vec("a", {0, 0})});
  EXPECT_TRUE(now->results[0].created);
  EXPECT_NE(now->results[0].etag, old_etag);
  // The space is given back once the last reader has let go.
  EXPECT_FALSE(database->operations().Get(operation->id)->ended());
  old.reset();
  EXPECT_EQ(WaitFor(*database, operation->id).state, OperationState::kSucceeded);
  EXPECT_EQ(Read(*fresh)->count(), 1u);
  fresh.reset();
  Reopen();
  EXPECT_EQ(Read(*Find("points"))->count(), 1u);
  EXPECT_EQ(database->operations().Get(operation->id)->state, OperationState::kSucceeded);
}

TEST_F(DatabaseTest, AReclaimThatAStopCutShortGoesOnAtTheNextStart) {
  auto held = CreateVectors("points");
  ASSERT_TRUE(Upsert(*held, {Vec("a", {0, 0})}).ok());
  auto operation = database->DeleteCollection("points", "");
  ASSERT_TRUE(operation.ok());
  EXPECT_FALSE(database->operations().Get(operation->id)->ended());  // `held` is a reader
  held.reset();
  Reopen();
  EXPECT_EQ(WaitFor(*database, operation->id).state, OperationState::kSucceeded);
  EXPECT_EQ(database->Info().collections, 0u);
}

TEST_F(DatabaseTest, ACancelledReclaimEndsAsCancelled) {
  auto held = CreateVectors("points");
  auto operation = database->DeleteCollection("points", "");
  ASSERT_TRUE(database->operations().Cancel(operation->id).ok());
  EXPECT_EQ(WaitFor(*database, operation->id).state, OperationState::kCancelled);
  EXPECT_THAT(database->operations().Cancel("nothing").status(),
              FailsWith(StatusCode::kNotFound, "OPERATION_NOT_FOUND"));
}

TEST_F(DatabaseTest, AWaitEndsAtItsDeadline) {
  auto held = CreateVectors("points");
  auto operation = database->DeleteCollection("points", "");
  absl::Notification done;
  database->operations().Wait(operation->id, Call::Clock::now(),
                              [&](absl::StatusOr<Operation> now) {
                                EXPECT_FALSE(now->ended());
                                done.Notify();
                              });
  done.WaitForNotification();
}

TEST_F(DatabaseTest, ListsCollectionsByName) {
  for (const char* name : {"b", "c", "a"}) CreateVectors(name);
  std::vector<std::string> names;
  for (const CollectionInfo& info : database->ListCollections("a", 10)) names.push_back(info.name);
  EXPECT_THAT(names, ElementsAre("b", "c"));
}

TEST_F(DatabaseTest, ADataFolderHasOneServer) {
  Open();
  EXPECT_THAT(Database::Open(options).status(),
              FailsWith(StatusCode::kFailedPrecondition, "DATA_FOLDER_IN_USE"));
}

TEST_F(DatabaseTest, AfterDrainNothingIsAccepted) {
  CreateVectors("points");
  database->Drain(Call::Clock::now() + std::chrono::seconds(10));
  EXPECT_THAT(database->Find("points").status(), FailsWith(StatusCode::kUnavailable, "DRAINING"));
}

TEST_F(DatabaseTest, ADrainEndsThoseWhoOnlyWait) {
  auto points = CreateVectors("points");
  auto held = CreateVectors("held");
  auto operation = database->DeleteCollection("held", "");  // does not end while `held` is held
  ASSERT_TRUE(operation.ok());
  absl::Notification read_ended, wait_ended;
  CommitToken future = points->Stats()->commit_token;
  future.sequence += 1;
  points->Read(future, NoDeadline(), [&](absl::StatusOr<ReadView> view) {
    EXPECT_THAT(view.status(), FailsWith(StatusCode::kUnavailable, "DRAINING"));
    read_ended.Notify();
  });
  database->operations().Wait(operation->id, Call::Clock::now() + std::chrono::hours(1),
                              [&](absl::StatusOr<Operation> now) {
                                EXPECT_FALSE(now->ended());
                                wait_ended.Notify();
                              });
  database->Drain(Call::Clock::now() + std::chrono::seconds(60));
  EXPECT_TRUE(read_ended.HasBeenNotified());
  EXPECT_TRUE(wait_ended.HasBeenNotified());
}

TEST_F(DatabaseTest, WritesStopAtNineTenthsOfTheMemoryBudgetAndDeletesGoOn) {
  options.memory_budget_bytes = 256 << 20;
  auto points = CreateVectors("points", 4096);
  absl::Status refused;
  size_t accepted = 0;
  std::vector<float> vector(4096, 1.0f);
  while (refused.ok() && accepted < 20'000) {
    std::vector<DocumentInput> batch;
    for (int i = 0; i < 500; ++i) batch.push_back(Vec(std::to_string(accepted + i), vector));
    refused = Upsert(*points, std::move(batch)).status();
    if (refused.ok()) accepted += 500;
  }
  EXPECT_THAT(refused, FailsWith(StatusCode::kResourceExhausted, "MEMORY_BUDGET"));
  EXPECT_GT(DetailsOf(refused).retry_after, absl::ZeroDuration());
  EXPECT_GT(accepted, 500u);
  EXPECT_LE(database->Info().memory_used_bytes, database->Info().memory_budget_bytes);
  EXPECT_TRUE(Delete(*points, {"0"}).ok());
  EXPECT_TRUE(Search(*points, {.query = VectorQuery{vector}}).ok());
}

}  // namespace
}  // namespace kith::engine
