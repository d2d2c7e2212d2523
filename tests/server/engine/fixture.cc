#include "fixture.h"

#include <future>
#include <utility>

#include "absl/synchronization/notification.h"

namespace kith::engine {

std::shared_ptr<const Call> NoDeadline() { return std::make_shared<Call>(); }

namespace {

// Runs `start` with a callback and waits for what that is given.
template <typename Answer, typename Start>
Answer Await(Start start) {
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> future = promise->get_future();
  start([promise](Answer answer) { promise->set_value(std::move(answer)); });
  return future.get();
}

}  // namespace

absl::StatusOr<UpsertAnswer> Upsert(Collection& collection, UpsertRequest request) {
  return Await<absl::StatusOr<UpsertAnswer>>(
      [&](UpsertDone done) { collection.Upsert(std::move(request), NoDeadline(), done); });
}

absl::StatusOr<UpsertAnswer> Upsert(Collection& collection, std::vector<DocumentInput> documents) {
  UpsertRequest request;
  request.documents = std::move(documents);
  return Upsert(collection, std::move(request));
}

absl::StatusOr<DeleteAnswer> Delete(Collection& collection, DeleteRequest request) {
  return Await<absl::StatusOr<DeleteAnswer>>(
      [&](DeleteDone done) { collection.Delete(std::move(request), NoDeadline(), done); });
}

absl::StatusOr<DeleteAnswer> Delete(Collection& collection, const std::vector<std::string>& ids) {
  DeleteRequest request;
  for (const std::string& id : ids) request.deletes.push_back({id, ""});
  return Delete(collection, std::move(request));
}

absl::StatusOr<UpdateMetadataAnswer> UpdateMetadata(Collection& collection,
                                                    UpdateMetadataRequest request) {
  return Await<absl::StatusOr<UpdateMetadataAnswer>>([&](UpdateMetadataDone done) {
    collection.UpdateMetadata(std::move(request), NoDeadline(), done);
  });
}

absl::StatusOr<UpdateMetadataAnswer> UpdateMetadata(Collection& collection,
                                                    std::vector<MetadataChange> updates) {
  return UpdateMetadata(collection, UpdateMetadataRequest{.updates = std::move(updates)});
}

absl::StatusOr<SearchAnswer> Search(Collection& collection, SearchRequest request,
                                    std::optional<CommitToken> at_least) {
  auto answers = Await<absl::StatusOr<std::vector<SearchAnswer>>>([&](SearchDone done) {
    collection.Search({std::move(request)}, std::move(at_least), NoDeadline(), done);
  });
  if (!answers.ok()) return answers.status();
  return std::move(answers->at(0));
}

absl::StatusOr<ReadView> Read(Collection& collection, std::optional<CommitToken> at_least) {
  return Await<absl::StatusOr<ReadView>>([&](std::function<void(absl::StatusOr<ReadView>)> done) {
    collection.Read(std::move(at_least), NoDeadline(), done);
  });
}

DocumentInput Text(std::string id, std::string text, Metadata metadata) {
  DocumentInput input;
  input.id = std::move(id);
  input.text = std::move(text);
  input.metadata = std::move(metadata);
  return input;
}

DocumentInput Vec(std::string id, std::vector<float> values, Metadata metadata) {
  DocumentInput input;
  input.id = std::move(id);
  input.vector = OwnVector{std::move(values), ""};
  input.metadata = std::move(metadata);
  return input;
}

std::vector<std::string> Ids(const SearchAnswer& answer) {
  std::vector<std::string> ids;
  for (const SearchHit& hit : answer.hits) ids.push_back(hit.document_id);
  return ids;
}

void DatabaseTest::Open() {
  options.data_dir = folder.path() / "data";
  options.threads = 2;
  auto opened = Database::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  database = *std::move(opened);
  absl::Notification loaded;
  database->WhenLoaded([&] { loaded.Notify(); });
  loaded.WaitForNotification();
}

std::shared_ptr<Collection> DatabaseTest::Create(const CollectionSpec& spec) {
  if (database == nullptr) Open();
  auto created = database->CreateCollection(spec);
  EXPECT_TRUE(created.ok()) << created.status();
  return Find(spec.name);
}

std::shared_ptr<Collection> DatabaseTest::CreateVectors(const std::string& name, uint32_t dimension,
                                                        Metric metric) {
  CollectionSpec spec;
  spec.name = name;
  spec.dimension = dimension;
  spec.metric = metric;
  return Create(spec);
}

std::shared_ptr<Collection> DatabaseTest::CreateTexts(const std::string& name) {
  options.model_dir = std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean";
  CollectionSpec spec;
  spec.name = name;
  return Create(spec);
}

std::shared_ptr<Collection> DatabaseTest::Find(const std::string& name) {
  auto found = database->Find(name);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : nullptr;
}

}  // namespace kith::engine
