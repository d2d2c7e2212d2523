// The bad-input table over the wire: every row has its code and reason, and the server is alive
// after.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test_server.h"

namespace kith::rpc {
namespace {

using testing::HasSubstr;

class BadInputTest : public ServerTest {
 protected:
  void SetUp() override {
    StartServer();
    CreateCollection("text");
    CreateCollection("vectors", 4);
    CreateCollection("dots", 4, v1::METRIC_DOT);
  }
  void TearDown() override {
    // Alive, and nothing of what was refused has been written.
    EXPECT_EQ(Health(channel_, ""), "SERVING");
    EXPECT_EQ(Count("text"), 0u);
    EXPECT_EQ(Count("vectors"), 0u);
  }

  static v1::UpsertDocumentsRequest TextOf(const std::string& text, const std::string& id = "a") {
    v1::UpsertDocumentsRequest request;
    request.set_collection("text");
    request.add_documents()->set_id(id);
    request.mutable_documents(0)->set_text(text);
    return request;
  }
  static v1::UpsertDocumentsRequest VectorOf(const std::vector<float>& values,
                                             const std::string& collection = "vectors") {
    v1::UpsertDocumentsRequest request;
    request.set_collection(collection);
    request.add_documents()->set_id("a");
    for (float value : values) request.mutable_documents(0)->mutable_vector()->add_values(value);
    return request;
  }
  static v1::SearchRequest Ask(const std::string& collection, const std::string& text) {
    v1::SearchRequest request;
    request.set_collection(collection);
    request.mutable_query()->set_text(text);
    return request;
  }
  static v1::SearchRequest AskVector(const std::vector<float>& values) {
    v1::SearchRequest request;
    request.set_collection("vectors");
    for (float value : values) request.mutable_query()->mutable_vector()->add_values(value);
    return request;
  }

  static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  static constexpr float kInf = std::numeric_limits<float>::infinity();
};

TEST_F(BadInputTest, WritesOfText) {
  struct Case {
    const char* name;
    v1::UpsertDocumentsRequest request;
    const char* outcome;
  };
  v1::UpsertDocumentsRequest twice = TextOf("one", "x");
  *twice.add_documents() = twice.documents(0);
  v1::UpsertDocumentsRequest nothing;
  nothing.set_collection("text");
  v1::UpsertDocumentsRequest unknown = TextOf("one");
  unknown.set_collection("no-such");
  v1::UpsertDocumentsRequest many;
  many.set_collection("text");
  for (int i = 0; i < 1001; ++i) many.add_documents()->set_text("x");
  v1::UpsertDocumentsRequest long_key = TextOf("one");
  (*long_key.mutable_documents(0)->mutable_metadata())[std::string(129, 'k')].set_int_value(1);
  v1::UpsertDocumentsRequest nan_value = TextOf("one");
  (*nan_value.mutable_documents(0)->mutable_metadata())["x"].set_double_value(kNan);
  v1::UpsertDocumentsRequest bad_time = TextOf("one");
  (*bad_time.mutable_documents(0)->mutable_metadata())["x"].mutable_timestamp_value()->set_nanos(
      -1);
  v1::UpsertDocumentsRequest durability = TextOf("one");
  durability.set_durability(static_cast<v1::Durability>(77));
  v1::UpsertDocumentsRequest long_request_id = TextOf("one");
  long_request_id.set_request_id(std::string(129, 'r'));
  for (const Case& c : {
           Case{"empty text", TextOf(""), "INVALID_ARGUMENT EMPTY_TEXT"},
           Case{"blank text", TextOf(" \n\t "), "INVALID_ARGUMENT EMPTY_TEXT"},
           Case{"5 MiB text", TextOf(std::string(5 << 20, 'x')), "INVALID_ARGUMENT TEXT_TOO_LONG"},
           Case{"id of 513 bytes", TextOf("one", std::string(513, 'i')),
                "INVALID_ARGUMENT INVALID_ID"},
           Case{"id with NUL", TextOf("one", std::string("a\0b", 3)),
                "INVALID_ARGUMENT INVALID_ID"},
           Case{"id with control", TextOf("one", "a\x1f"), "INVALID_ARGUMENT INVALID_ID"},
           Case{"same id twice", twice, "INVALID_ARGUMENT DUPLICATE_ID"},
           Case{"empty batch", nothing, "INVALID_ARGUMENT EMPTY_BATCH"},
           Case{"1001 documents", many, "INVALID_ARGUMENT BATCH_TOO_LARGE"},
           Case{"unknown collection", unknown, "NOT_FOUND COLLECTION_NOT_FOUND"},
           Case{"long metadata key", long_key, "INVALID_ARGUMENT INVALID_METADATA"},
           Case{"NaN metadata", nan_value, "INVALID_ARGUMENT INVALID_METADATA"},
           Case{"bad timestamp", bad_time, "INVALID_ARGUMENT INVALID_METADATA"},
           Case{"unknown durability", durability, "INVALID_ARGUMENT INVALID_REQUEST"},
           Case{"long request id", long_request_id, "INVALID_ARGUMENT INVALID_ID"},
       }) {
    const grpc::Status status = Upsert(c.request);
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
  }
}

TEST_F(BadInputTest, WritesOfVectors) {
  struct Case {
    const char* name;
    v1::UpsertDocumentsRequest request;
    const char* outcome;
  };
  v1::UpsertDocumentsRequest ragged = VectorOf({});
  ragged.mutable_documents(0)->mutable_vector()->set_f32_le(std::string(15, 'x'));
  v1::UpsertDocumentsRequest text = VectorOf({1, 2, 3, 4});
  text.mutable_documents(0)->clear_vector();
  text.mutable_documents(0)->set_text("no encoder here");
  v1::UpsertDocumentsRequest foreign = VectorOf(std::vector<float>(64, 1.0f), "text");
  foreign.mutable_documents(0)->set_vector_fingerprint("of another model");
  for (const Case& c : {
           Case{"three values", VectorOf({1, 2, 3}), "INVALID_ARGUMENT DIMENSION_MISMATCH"},
           Case{"NaN", VectorOf({1, kNan, 3, 4}), "INVALID_ARGUMENT VECTOR_NOT_FINITE"},
           Case{"infinity", VectorOf({1, 2, kInf, 4}), "INVALID_ARGUMENT VECTOR_NOT_FINITE"},
           Case{"zero", VectorOf({0, 0, 0, 0}), "INVALID_ARGUMENT ZERO_VECTOR"},
           Case{"huge norm", VectorOf({3e38f, 3e38f, 0, 0}), "INVALID_ARGUMENT VECTOR_NORM"},
           Case{"15 bytes", ragged, "INVALID_ARGUMENT INVALID_REQUEST"},
           Case{"text without encoder", text, "FAILED_PRECONDITION NO_ENCODER"},
           Case{"foreign vector", foreign, "FAILED_PRECONDITION ENCODER_MISMATCH"},
       }) {
    const grpc::Status status = Upsert(c.request);
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
  }
  // A zero vector has no direction, but a product.
  EXPECT_EQ(Outcome(Upsert(VectorOf({0, 0, 0, 0}, "dots"))), "OK");
}

TEST_F(BadInputTest, Searches) {
  struct Case {
    const char* name;
    v1::SearchRequest request;
    const char* outcome;
  };
  v1::SearchRequest none = Ask("text", "x"), billion = Ask("text", "x"), deep = Ask("text", "x"),
                    most = Ask("text", "x"), nothing = Ask("text", "x"), by_id = Ask("text", "x"),
                    token = Ask("text", "x");
  none.set_limit(0);
  billion.set_limit(1'000'000'000);
  deep.set_limit(10);
  deep.set_offset(9'991);
  most.set_limit(10'000);
  nothing.clear_query();
  by_id.mutable_query()->set_document_id("no-such");
  token.mutable_at_least()->set_shard("of another server");
  token.mutable_at_least()->set_sequence(1);
  for (const Case& c : {
           Case{"empty collection", Ask("text", "x"), "OK"},
           Case{"limit 10,000", most, "OK"},
           Case{"limit 0", none, "INVALID_ARGUMENT LIMIT_OUT_OF_RANGE"},
           Case{"limit 10^9", billion, "INVALID_ARGUMENT LIMIT_OUT_OF_RANGE"},
           Case{"limit + offset", deep, "INVALID_ARGUMENT LIMIT_OUT_OF_RANGE"},
           Case{"no query", nothing, "INVALID_ARGUMENT INVALID_REQUEST"},
           Case{"blank query", Ask("text", "  "), "INVALID_ARGUMENT EMPTY_TEXT"},
           Case{"unknown collection", Ask("no-such", "x"), "NOT_FOUND COLLECTION_NOT_FOUND"},
           Case{"unknown document", by_id, "NOT_FOUND DOCUMENT_NOT_FOUND"},
           Case{"text without encoder", Ask("vectors", "x"), "FAILED_PRECONDITION NO_ENCODER"},
           Case{"wrong dimension", AskVector({1, 2}), "INVALID_ARGUMENT DIMENSION_MISMATCH"},
           Case{"NaN", AskVector({1, 2, kNan, 4}), "INVALID_ARGUMENT VECTOR_NOT_FINITE"},
           Case{"zero", AskVector({0, 0, 0, 0}), "INVALID_ARGUMENT ZERO_VECTOR"},
           Case{"foreign token", token, "INVALID_ARGUMENT INVALID_COMMIT_TOKEN"},
       }) {
    const grpc::Status status = Search(c.request);
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
  }
}

TEST_F(BadInputTest, Collections) {
  struct Case {
    const char* name;
    const char* outcome;
  };
  const std::string long_name(129, 'a');
  for (const Case& c :
       {Case{"", "INVALID_ARGUMENT INVALID_NAME"}, Case{"..", "INVALID_ARGUMENT INVALID_NAME"},
        Case{"a/b", "INVALID_ARGUMENT INVALID_NAME"},
        Case{"Upper", "INVALID_ARGUMENT INVALID_NAME"},
        Case{"-dash", "INVALID_ARGUMENT INVALID_NAME"},
        Case{long_name.c_str(), "INVALID_ARGUMENT INVALID_NAME"},
        Case{"text", "ALREADY_EXISTS COLLECTION_EXISTS"}}) {
    v1::CreateCollectionRequest request;
    v1::CreateCollectionResponse response;
    request.mutable_collection()->set_name(c.name);
    const grpc::Status status =
        collections_->CreateCollection(NewContext().get(), request, &response);
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
  }
  v1::CreateCollectionRequest request;
  v1::CreateCollectionResponse response;
  request.mutable_collection()->set_name("b");
  request.mutable_collection()->add_vector_spaces()->set_dimension(4097);
  EXPECT_EQ(Outcome(collections_->CreateCollection(NewContext().get(), request, &response)),
            "INVALID_ARGUMENT DIMENSION_MISMATCH");
  request.mutable_collection()->mutable_vector_spaces(0)->Clear();
  request.mutable_collection()->mutable_vector_spaces(0)->set_encoder("no-such");
  EXPECT_EQ(Outcome(collections_->CreateCollection(NewContext().get(), request, &response)),
            "NOT_FOUND ENCODER_NOT_FOUND");
}

TEST_F(BadInputTest, PagesAndBatches) {
  v1::ListDocumentsRequest list;
  v1::ListDocumentsResponse listed;
  list.set_collection("text");
  list.set_page_size(-1);
  EXPECT_EQ(Outcome(documents_->ListDocuments(NewContext().get(), list, &listed)),
            "INVALID_ARGUMENT LIMIT_OUT_OF_RANGE");
  list.set_page_size(0);
  list.set_page_token("made up");
  EXPECT_EQ(Outcome(documents_->ListDocuments(NewContext().get(), list, &listed)),
            "INVALID_ARGUMENT INVALID_PAGE_TOKEN");

  v1::BatchSearchRequest batch;
  v1::BatchSearchResponse answered;
  batch.set_collection("text");
  EXPECT_EQ(Outcome(searches_->BatchSearch(NewContext().get(), batch, &answered)),
            "INVALID_ARGUMENT EMPTY_BATCH");
  *batch.add_searches() = Ask("text", "x");
  EXPECT_EQ(Outcome(searches_->BatchSearch(NewContext().get(), batch, &answered)),
            "INVALID_ARGUMENT INVALID_REQUEST");
  batch.mutable_searches(0)->clear_collection();
  EXPECT_EQ(Outcome(searches_->BatchSearch(NewContext().get(), batch, &answered)), "OK");
  for (int i = 0; i < 256; ++i) *batch.add_searches() = batch.searches(0);
  EXPECT_EQ(Outcome(searches_->BatchSearch(NewContext().get(), batch, &answered)),
            "INVALID_ARGUMENT BATCH_TOO_LARGE");

  v1::GetDocumentsRequest get;
  v1::GetDocumentsResponse got;
  get.set_collection("text");
  EXPECT_EQ(Outcome(documents_->GetDocuments(NewContext().get(), get, &got)),
            "INVALID_ARGUMENT EMPTY_BATCH");

  v1::EncodeRequest encode;
  v1::EncodeResponse encoded;
  EXPECT_EQ(Outcome(encoder_->Encode(NewContext().get(), encode, &encoded)),
            "INVALID_ARGUMENT EMPTY_BATCH");
  encode.add_texts(std::string((4 << 20) + 1, 'x'));
  EXPECT_EQ(Outcome(encoder_->Encode(NewContext().get(), encode, &encoded)),
            "INVALID_ARGUMENT TEXT_TOO_LONG");
  encode.set_texts(0, "x");
  encode.set_model("no-such");
  EXPECT_EQ(Outcome(encoder_->Encode(NewContext().get(), encode, &encoded)),
            "NOT_FOUND ENCODER_NOT_FOUND");

  v1::GetOperationRequest operation;
  v1::GetOperationResponse found;
  operation.set_id("no-such");
  EXPECT_EQ(Outcome(admin_->GetOperation(NewContext().get(), operation, &found)),
            "NOT_FOUND OPERATION_NOT_FOUND");
}

TEST_F(BadInputTest, BytesThatDoNotParse) {
  std::string response;
  // SearchRequest{collection = 1}: a string that is not UTF-8.
  grpc::Status status =
      CallRaw(channel_, "/kith.v1.SearchService/Search", "\x0a\x02\xc3\x28", &response);
  EXPECT_EQ(Outcome(status), "INVALID_ARGUMENT INVALID_UTF8");
  EXPECT_THAT(status.error_message(), HasSubstr("kith.v1.SearchRequest.collection"));
  // A length that goes past the end.
  status = CallRaw(channel_, "/kith.v1.SearchService/Search", "\x0a\x7f", &response);
  EXPECT_EQ(Outcome(status), "INVALID_ARGUMENT INVALID_REQUEST");
  // A document's text, deep inside.
  std::string document =
      "\x12\x03"
      "a\xff"
      "b";
  std::string request =
      "\x0a\x04text\x12" + std::string(1, static_cast<char>(document.size())) + document;
  status = CallRaw(channel_, "/kith.v1.DocumentService/UpsertDocuments", request, &response);
  EXPECT_EQ(Outcome(status), "INVALID_ARGUMENT INVALID_UTF8");
}

TEST_F(BadInputTest, AMessageOverTheTransportLimitIsRefused) {
  v1::UpsertDocumentsRequest request = TextOf("x");
  for (int i = 0; i < 5; ++i) {
    request.add_documents()->set_text(std::string(4 << 20, 'x'));
  }
  EXPECT_EQ(Upsert(request).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// 300 KB on the wire, 300 MiB unpacked: gRPC would unpack it before it looks at its size.
TEST_F(BadInputTest, PackedMessagesAreRefusedUnread) {
  v1::UpsertDocumentsRequest request = TextOf("x");
  v1::UpsertDocumentsResponse response;
  for (int i = 0; i < 100; ++i) request.add_documents()->set_text(std::string(3 << 20, 'x'));
  for (grpc_compression_algorithm algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    const auto context = NewContext();
    context->set_compression_algorithm(algorithm);
    const grpc::Status status = documents_->UpsertDocuments(context.get(), request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << Outcome(status);
  }
}

TEST_F(BadInputTest, ErrorsCarryTheRequestIdOfTheCaller) {
  const auto context = NewContext();
  context->AddMetadata("x-request-id", "from-the-client");
  v1::SearchResponse response;
  const grpc::Status status = searches_->Search(context.get(), Ask("no-such", "x"), &response);
  EXPECT_EQ(InfoOf(status).metadata().at("request_id"), "from-the-client");

  const auto odd = NewContext();
  odd->AddMetadata("x-request-id", "has spaces");
  const grpc::Status other = searches_->Search(odd.get(), Ask("no-such", "x"), &response);
  EXPECT_NE(InfoOf(other).metadata().at("request_id"), "has spaces");
}

}  // namespace
}  // namespace kith::rpc
