// Every method once, over the wire, doing what it is for. (The engine's own tests go deeper; here
// it is the way there and back.)

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test_server.h"

namespace kith::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ServicesTest : public ServerTest {
 protected:
  void SetUp() override { StartServer(); }

  void Write(const std::string& collection, const std::string& id, const std::string& text) {
    v1::UpsertDocumentsRequest request;
    request.set_collection(collection);
    request.add_documents()->set_id(id);
    request.mutable_documents(0)->set_text(text);
    (*request.mutable_documents(0)->mutable_metadata())["length"].set_int_value(
        static_cast<int64_t>(text.size()));
    const grpc::Status status = Upsert(request);
    ASSERT_TRUE(status.ok()) << Outcome(status) << ": " << status.error_message();
  }
};

#define ASSERT_CALL(call)                                                          \
  do {                                                                             \
    const grpc::Status status = (call);                                            \
    ASSERT_TRUE(status.ok()) << Outcome(status) << ": " << status.error_message(); \
  } while (false)

TEST_F(ServicesTest, ACollectionsLife) {
  v1::CreateCollectionRequest create;
  v1::CreateCollectionResponse created;
  create.mutable_collection()->set_name("articles");
  create.mutable_collection()->set_description("first");
  ASSERT_CALL(collections_->CreateCollection(NewContext().get(), create, &created));
  const v1::Collection& made = created.collection();
  ASSERT_EQ(made.vector_spaces_size(), 1);
  EXPECT_EQ(made.vector_spaces(0).dimension(), 64u);
  EXPECT_EQ(made.vector_spaces(0).metric(), v1::METRIC_COSINE);
  EXPECT_FALSE(made.vector_spaces(0).encoder_fingerprint().empty());
  EXPECT_FALSE(made.etag().empty());
  EXPECT_GT(made.create_time().seconds(), 1'600'000'000);
  EXPECT_EQ(made.state(), v1::COLLECTION_STATE_READY);

  v1::UpdateCollectionRequest update;
  v1::UpdateCollectionResponse updated;
  *update.mutable_collection() = made;
  update.mutable_collection()->set_description("second");
  update.mutable_update_mask()->add_paths("description");
  ASSERT_CALL(collections_->UpdateCollection(NewContext().get(), update, &updated));
  EXPECT_EQ(updated.collection().description(), "second");
  EXPECT_NE(updated.collection().etag(), made.etag());
  EXPECT_EQ(Outcome(collections_->UpdateCollection(NewContext().get(), update, &updated)),
            "ABORTED ETAG_MISMATCH");

  v1::GetCollectionRequest get;
  v1::GetCollectionResponse got;
  get.set_name("articles");
  ASSERT_CALL(collections_->GetCollection(NewContext().get(), get, &got));
  EXPECT_EQ(got.collection().description(), "second");

  Write("articles", "a", "one two three");
  v1::GetCollectionStatsRequest stats;
  v1::GetCollectionStatsResponse counted;
  stats.set_name("articles");
  ASSERT_CALL(collections_->GetCollectionStats(NewContext().get(), stats, &counted));
  EXPECT_EQ(counted.document_count(), 1u);
  EXPECT_EQ(counted.text_bytes(), 13u);
  EXPECT_EQ(counted.fields().at("length"), v1::FIELD_TYPE_INT64);

  v1::DeleteCollectionRequest drop;
  v1::DeleteCollectionResponse dropped;
  drop.set_name("articles");
  ASSERT_CALL(collections_->DeleteCollection(NewContext().get(), drop, &dropped));
  EXPECT_EQ(Outcome(collections_->GetCollection(NewContext().get(), get, &got)),
            "NOT_FOUND COLLECTION_NOT_FOUND");

  v1::WaitOperationRequest wait;
  v1::WaitOperationResponse waited;
  wait.set_id(dropped.operation().id());
  ASSERT_CALL(admin_->WaitOperation(NewContext().get(), wait, &waited));
  EXPECT_EQ(waited.operation().state(), v1::OPERATION_STATE_SUCCEEDED);
  EXPECT_EQ(waited.operation().target(), "articles");
  v1::ListOperationsRequest list;
  v1::ListOperationsResponse listed;
  ASSERT_CALL(admin_->ListOperations(NewContext().get(), list, &listed));
  EXPECT_EQ(listed.operations_size(), 1);
  v1::CancelOperationRequest cancel;
  v1::CancelOperationResponse cancelled;
  cancel.set_id(dropped.operation().id());
  ASSERT_CALL(admin_->CancelOperation(NewContext().get(), cancel, &cancelled));
  EXPECT_EQ(cancelled.operation().state(), v1::OPERATION_STATE_SUCCEEDED) << "it had ended";
}

TEST_F(ServicesTest, ListingsComeInPages) {
  for (const char* name : {"a", "b", "c"}) CreateCollection(name, 4);
  v1::ListCollectionsRequest request;
  v1::ListCollectionsResponse response;
  request.set_page_size(2);
  ASSERT_CALL(collections_->ListCollections(NewContext().get(), request, &response));
  ASSERT_EQ(response.collections_size(), 2);
  EXPECT_EQ(response.collections(1).name(), "b");
  request.set_page_token(response.next_page_token());
  ASSERT_CALL(collections_->ListCollections(NewContext().get(), request, &response));
  ASSERT_EQ(response.collections_size(), 1);
  EXPECT_EQ(response.collections(0).name(), "c");
  EXPECT_EQ(response.next_page_token(), "");

  v1::UpsertDocumentsRequest upsert;
  upsert.set_collection("a");
  std::set<std::string> ids;
  for (int i = 0; i < 25; ++i) {
    v1::DocumentInput* document = upsert.add_documents();
    document->set_id("id" + std::to_string(i));
    document->mutable_vector()->set_i8("abcd");
    ids.insert(document->id());
  }
  ASSERT_CALL(Upsert(upsert));
  v1::ListDocumentsRequest list;
  list.set_collection("a");
  list.set_page_size(7);
  std::vector<std::string> listed;
  do {
    v1::ListDocumentsResponse page;
    ASSERT_CALL(documents_->ListDocuments(NewContext().get(), list, &page));
    for (const auto& document : page.documents()) listed.push_back(document.id());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(listed, std::vector<std::string>(ids.begin(), ids.end()));
}

TEST_F(ServicesTest, ADocumentsLife) {
  CreateCollection("c");
  v1::UpsertDocumentsRequest upsert;
  v1::UpsertDocumentsResponse upserted;
  upsert.set_collection("c");
  upsert.set_request_id("first");
  upsert.add_documents()->set_text("The dog runs. The cat sleeps.");
  ASSERT_CALL(Upsert(upsert, &upserted));
  ASSERT_EQ(upserted.results_size(), 1);
  const v1::UpsertResult result = upserted.results(0);
  EXPECT_EQ(result.id().size(), 26u) << "a ULID";
  EXPECT_TRUE(result.created());
  EXPECT_GE(result.passage_count(), 1u);
  EXPECT_GT(upserted.encoded_token_count(), 0u);
  EXPECT_EQ(upserted.durability(), v1::DURABILITY_SYNCED);

  v1::UpsertDocumentsResponse again;
  ASSERT_CALL(Upsert(upsert, &again));
  EXPECT_EQ(again.results(0).id(), result.id()) << "the same request, the first answer";
  upsert.mutable_documents(0)->set_text("other content");
  EXPECT_EQ(Outcome(Upsert(upsert)), "INVALID_ARGUMENT REQUEST_ID_REUSED");

  upsert.clear_request_id();
  upsert.mutable_documents(0)->set_id(result.id());
  upsert.mutable_documents(0)->set_if_match("stale");
  EXPECT_EQ(Outcome(Upsert(upsert)), "ABORTED ETAG_MISMATCH");
  upsert.mutable_documents(0)->clear_if_match();
  upsert.mutable_documents(0)->set_if_none_match("*");
  EXPECT_EQ(Outcome(Upsert(upsert)), "ABORTED ETAG_MISMATCH");

  v1::GetDocumentsRequest get;
  v1::GetDocumentsResponse got;
  get.set_collection("c");
  get.add_ids(result.id());
  get.add_ids("no-such");
  get.mutable_select()->set_text(true);
  get.mutable_select()->set_vectors(true);
  get.mutable_select()->set_passages(true);
  *get.mutable_at_least() = upserted.commit_token();
  ASSERT_CALL(documents_->GetDocuments(NewContext().get(), get, &got));
  ASSERT_EQ(got.documents_size(), 1);
  EXPECT_EQ(got.documents(0).text(), "The dog runs. The cat sleeps.");
  EXPECT_EQ(got.documents(0).etag(), result.etag());
  EXPECT_EQ(got.documents(0).vectors(0).dimension(), 64u);
  EXPECT_EQ(got.documents(0).vectors(0).f32_le().size(), 256u);
  EXPECT_EQ(static_cast<uint32_t>(got.documents(0).passages_size()), result.passage_count());
  EXPECT_THAT(got.missing_ids(), ElementsAre("no-such"));

  v1::DeleteDocumentsRequest drop;
  v1::DeleteDocumentsResponse dropped;
  drop.set_collection("c");
  drop.add_deletes()->set_id(result.id());
  drop.add_deletes()->set_id("no-such");
  ASSERT_CALL(documents_->DeleteDocuments(NewContext().get(), drop, &dropped));
  EXPECT_EQ(dropped.deleted_count(), 1u);
  EXPECT_EQ(dropped.missing_count(), 1u);
  EXPECT_EQ(Count("c"), 0u);
}

TEST_F(ServicesTest, SearchesFindByTextVectorAndDocument) {
  CreateCollection("c");
  Write("c", "dog", "The quick brown dog runs over the hill.");
  Write("c", "sea", "Ships sail on the wide sea.");
  Write("c", "hill", "A hill stands over the town.");

  v1::SearchRequest request;
  v1::SearchResponse response;
  request.set_collection("c");
  request.mutable_query()->set_text("The quick brown dog runs over the hill.");
  ASSERT_CALL(Search(request, &response));
  ASSERT_EQ(response.hits_size(), 3);
  EXPECT_TRUE(response.exhausted());
  EXPECT_EQ(response.metric(), v1::METRIC_COSINE);
  EXPECT_EQ(response.hits(0).document_id(), "dog");
  EXPECT_EQ(response.hits(0).text(), "The quick brown dog runs over the hill.");
  EXPECT_EQ(response.hits(0).metadata().at("length").int_value(), 39);
  EXPECT_NEAR(response.hits(0).score() + response.hits(0).distance(), 1, 1e-5);
  EXPECT_GE(response.hits(0).score(), response.hits(1).score());
  EXPECT_GT(response.usage().encoded_token_count(), 0u);

  v1::EncodeRequest encode;
  v1::EncodeResponse encoded;
  encode.add_texts("Ships sail on the wide sea.");
  ASSERT_CALL(encoder_->Encode(NewContext().get(), encode, &encoded));
  ASSERT_EQ(encoded.embeddings_size(), 1);
  *request.mutable_query()->mutable_vector() = encoded.embeddings(0).vector();
  request.mutable_tuning()->set_exact(true);
  request.set_limit(1);
  ASSERT_CALL(Search(request, &response));
  ASSERT_EQ(response.hits_size(), 1);
  EXPECT_EQ(response.hits(0).document_id(), "sea");
  EXPECT_NEAR(response.hits(0).score(), 1, 1e-4);
  EXPECT_EQ(response.strategy(), v1::STRATEGY_EXACT_SCAN);
  EXPECT_FALSE(response.exhausted());

  request.mutable_query()->set_document_id("sea");
  request.set_limit(10);
  request.set_group_by(v1::GROUP_BY_DOCUMENT);
  ASSERT_CALL(Search(request, &response));
  ASSERT_EQ(response.hits_size(), 2) << "itself is left out";
  EXPECT_GE(response.hits(0).passages_size(), 1);
  EXPECT_EQ(response.hits(0).passages(0).text(), response.hits(0).text());

  v1::BatchSearchRequest batch;
  v1::BatchSearchResponse answered;
  batch.set_collection("c");
  batch.add_searches()->mutable_query()->set_text("dog");
  batch.add_searches()->mutable_query()->set_document_id("dog");
  ASSERT_CALL(searches_->BatchSearch(NewContext().get(), batch, &answered));
  ASSERT_EQ(answered.responses_size(), 2);
  EXPECT_EQ(answered.responses(0).hits_size(), 3);
  EXPECT_EQ(answered.responses(1).hits_size(), 2);
}

TEST_F(ServicesTest, TheEncoderByItself) {
  v1::ListModelsRequest list;
  v1::ListModelsResponse models;
  ASSERT_CALL(encoder_->ListModels(NewContext().get(), list, &models));
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_TRUE(models.models(0).is_default());
  EXPECT_EQ(models.models(0).dimension(), 64u);
  EXPECT_EQ(models.models(0).pooling(), "mean");

  v1::TokenizeRequest tokenize;
  v1::TokenizeResponse tokens;
  tokenize.add_texts("the dog");
  tokenize.add_texts("");
  ASSERT_CALL(encoder_->Tokenize(NewContext().get(), tokenize, &tokens));
  ASSERT_EQ(tokens.texts_size(), 2);
  ASSERT_GE(tokens.texts(0).tokens_size(), 2);
  EXPECT_EQ(tokens.texts(0).tokens(0).begin_byte(), 0u);
  EXPECT_EQ(tokens.texts(0).tokens(tokens.texts(0).tokens_size() - 1).end_byte(), 7u);
  EXPECT_EQ(tokens.texts(1).tokens_size(), 0);

  v1::SplitTextRequest split;
  v1::SplitTextResponse passages;
  split.set_text("# Dogs\n\nThe dog runs.\n\n# Cats\n\nThe cat sleeps.\n");
  ASSERT_CALL(encoder_->SplitText(NewContext().get(), split, &passages));
  ASSERT_EQ(passages.passages_size(), 2);
  EXPECT_EQ(passages.passages(1).heading_path(), "Cats");
}

TEST_F(ServicesTest, TheServerTellsAboutItself) {
  CreateCollection("c", 4);
  v1::GetServerInfoRequest request;
  v1::GetServerInfoResponse info;
  ASSERT_CALL(admin_->GetServerInfo(NewContext().get(), request, &info));
  EXPECT_FALSE(info.version().empty());
  EXPECT_FALSE(info.data_folder_id().empty());
  EXPECT_EQ(info.collection_count(), 1u);
  EXPECT_EQ(info.loading_collection_count(), 0u);
  EXPECT_EQ(info.memory_budget_bytes(), uint64_t{1} << 30);
  EXPECT_EQ(info.limits().max_message_bytes(), 16u << 20);
  EXPECT_EQ(info.limits().max_results(), 10'000u);
  EXPECT_GT(info.start_time().seconds(), 1'600'000'000);
}

TEST_F(ServicesTest, ACollectionSurvivesARestart) {
  CreateCollection("c");
  Write("c", "dog", "The quick brown dog.");
  EXPECT_TRUE(StopServer());
  StartServer();
  EXPECT_EQ(Count("c"), 1u);
  v1::SearchRequest request;
  v1::SearchResponse response;
  request.set_collection("c");
  request.mutable_query()->set_text("dog");
  ASSERT_CALL(Search(request, &response));
  ASSERT_EQ(response.hits_size(), 1);
  EXPECT_EQ(response.hits(0).text(), "The quick brown dog.");
}

TEST_F(ServicesTest, ADeadlineThatHasPassedIsToldAndNothingIsWritten) {
  CreateCollection("c", 4);
  v1::UpsertDocumentsRequest request;
  v1::UpsertDocumentsResponse response;
  request.set_collection("c");
  request.add_documents()->mutable_vector()->set_i8("abcd");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  EXPECT_EQ(documents_->UpsertDocuments(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(Count("c"), 0u);
}

// Callers that vanish at any moment, from many threads: nothing leaks, nothing hangs, the server
// stops in order.
TEST_F(ServicesTest, CancelledCallsLeaveNothingBehind) {
  CreateCollection("c");
  Write("c", "dog", "The quick brown dog.");
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 100; ++i) {
        grpc::ClientContext context;
        std::thread canceller([&] { context.TryCancel(); });
        v1::SearchRequest search;
        v1::SearchResponse found;
        search.set_collection("c");
        search.mutable_query()->set_text("dog " + std::to_string(caller * 1000 + i));
        const grpc::Status status = searches_->Search(&context, search, &found);
        canceller.join();
        EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::CANCELLED)
            << Outcome(status);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(Count("c"), 1u);
  EXPECT_TRUE(StopServer());
}

TEST_F(ServicesTest, OverTheBoundOfCallsTheAdviceIsToComeBack) {
  EXPECT_TRUE(StopServer());
  StartServer([](config::Config* config) { config->max_concurrent_calls = 1; });
  CreateCollection("c", 4);
  // A stream is a call under way for as long as it is open. (The call before may still be on its
  // way out.)
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>>
      stream;
  v1::IngestDocumentsRequest start;
  v1::IngestDocumentsResponse started;
  start.mutable_start()->set_collection("c");
  do {
    if (stream != nullptr) {
      ASSERT_EQ(Outcome(stream->Finish()), "RESOURCE_EXHAUSTED QUEUE_FULL");
    }
    context = NewContext();
    stream = documents_->IngestDocuments(context.get());
    stream->Write(start);
  } while (!stream->Read(&started));
  v1::CountDocumentsRequest request;
  v1::CountDocumentsResponse response;
  request.set_collection("c");
  const grpc::Status status = documents_->CountDocuments(NewContext().get(), request, &response);
  EXPECT_EQ(Outcome(status), "RESOURCE_EXHAUSTED QUEUE_FULL");
  EXPECT_THAT(status.error_details(), HasSubstr("google.rpc.RetryInfo"));
  stream->WritesDone();
  EXPECT_EQ(Outcome(stream->Finish()), "OK");
}

TEST_F(ServicesTest, AnAnswerTooLargeForAMessageIsRefusedWithItsSize) {
  EXPECT_TRUE(StopServer());
  StartServer([](config::Config* config) {
    config->limits.message_bytes = 1 << 20;
    config->limits.text_bytes = 512 << 10;
  });
  CreateCollection("c", 4);
  v1::GetDocumentsRequest get;
  get.set_collection("c");
  for (int i = 0; i < 3; ++i) {
    v1::UpsertDocumentsRequest request;
    request.set_collection("c");
    v1::DocumentInput* document = request.add_documents();
    document->set_id(std::to_string(i));
    document->set_text(std::string(400 << 10, 'x'));
    document->mutable_vector()->set_i8("abcd");
    ASSERT_CALL(Upsert(request));
    get.add_ids(document->id());
  }
  v1::GetDocumentsResponse got;
  EXPECT_EQ(Outcome(documents_->GetDocuments(NewContext().get(), get, &got)),
            "RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE");
}

}  // namespace
}  // namespace kith::rpc
