// Filters, metadata updates and facets over the wire, each method once; and the rows of the
// bad-input table that belong to them. tests/conformance goes deeper.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test_server.h"

namespace kith::rpc {
namespace {

using testing::ElementsAre;

#define ASSERT_CALL(call)                                                          \
  do {                                                                             \
    const grpc::Status status = (call);                                            \
    ASSERT_TRUE(status.ok()) << Outcome(status) << ": " << status.error_message(); \
  } while (false)

class FilterServicesTest : public ServerTest {
 protected:
  // Documents "a", "b", "c" with n 1, 2, 3; "c" is tagged.
  void SetUp() override {
    StartServer();
    CreateCollection("c", 2);
    v1::UpsertDocumentsRequest request;
    request.set_collection("c");
    for (int i = 1; i <= 3; ++i) {
      v1::DocumentInput& document = *request.add_documents();
      document.set_id(std::string(1, static_cast<char>('a' + i - 1)));
      document.mutable_vector()->add_values(1);
      document.mutable_vector()->add_values(static_cast<float>(i));
      (*document.mutable_metadata())["n"].set_int_value(i);
      if (i == 3) (*document.mutable_metadata())["tags"].mutable_string_list()->add_values("x");
    }
    ASSERT_CALL(Upsert(request));
  }

  static v1::SearchRequest Ask(const std::string& filter) {
    v1::SearchRequest request;
    request.set_collection("c");
    request.mutable_query()->mutable_vector()->add_values(1);
    request.mutable_query()->mutable_vector()->add_values(1);
    request.set_filter(filter);
    return request;
  }
  grpc::Status CountOf(const std::string& filter, uint64_t* count) {
    v1::CountDocumentsRequest request;
    v1::CountDocumentsResponse response;
    request.set_collection("c");
    request.set_filter(filter);
    const grpc::Status status = documents_->CountDocuments(NewContext().get(), request, &response);
    *count = response.count();
    return status;
  }
};

TEST_F(FilterServicesTest, SearchesCountsAndListingsTakeFilters) {
  v1::SearchResponse found;
  ASSERT_CALL(Search(Ask("n >= 2"), &found));
  ASSERT_EQ(found.hits_size(), 2);
  EXPECT_EQ(found.hits(0).document_id(), "b");
  EXPECT_TRUE(found.exhausted());

  uint64_t count = 0;
  ASSERT_CALL(CountOf("tags:x OR n = 1", &count));
  EXPECT_EQ(count, 2u);

  v1::ListDocumentsRequest list;
  list.set_collection("c");
  list.set_filter("n < 3");
  list.set_order_by("n desc");
  list.set_page_size(1);
  std::vector<std::string> ids;
  do {
    v1::ListDocumentsResponse page;
    ASSERT_CALL(documents_->ListDocuments(NewContext().get(), list, &page));
    for (const v1::Document& document : page.documents()) ids.push_back(document.id());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("b", "a"));
}

TEST_F(FilterServicesTest, MetadataIsUpdated) {
  v1::UpdateMetadataRequest request;
  v1::UpdateMetadataResponse response;
  request.set_collection("c");
  v1::MetadataUpdate& update = *request.add_updates();
  update.set_id("c");
  (*update.mutable_set())["n"].set_int_value(10);
  update.add_remove("tags");
  request.add_updates()->set_id("no-such");
  (*request.mutable_updates(1)->mutable_set())["n"].set_int_value(1);
  ASSERT_CALL(documents_->UpdateMetadata(NewContext().get(), request, &response));
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_FALSE(response.results(0).etag().empty());
  EXPECT_TRUE(response.results(1).etag().empty());
  EXPECT_EQ(response.missing_count(), 1u);
  EXPECT_GT(response.commit_token().sequence(), 0u);
  uint64_t count = 0;
  ASSERT_CALL(CountOf("n = 10 AND NOT EXISTS tags", &count));
  EXPECT_EQ(count, 1u);
}

TEST_F(FilterServicesTest, FacetsAreCounted) {
  v1::FacetDocumentsRequest request;
  v1::FacetDocumentsResponse response;
  request.set_collection("c");
  request.add_fields("tags");
  request.add_fields("n");
  request.set_filter("n > 1");
  ASSERT_CALL(documents_->FacetDocuments(NewContext().get(), request, &response));
  EXPECT_EQ(response.document_count(), 2u);
  ASSERT_EQ(response.facets_size(), 2);
  ASSERT_EQ(response.facets(0).values_size(), 1);
  EXPECT_EQ(response.facets(0).values(0).value().string_value(), "x");
  EXPECT_EQ(response.facets(0).values(0).document_count(), 1u);
  EXPECT_EQ(response.facets(1).value_count(), 2u);
}

TEST_F(FilterServicesTest, DocumentsAreDeletedByFilter) {
  v1::DeleteDocumentsRequest request;
  v1::DeleteDocumentsResponse response;
  request.set_collection("c");
  request.set_filter("n > 1");
  request.set_dry_run(true);
  ASSERT_CALL(documents_->DeleteDocuments(NewContext().get(), request, &response));
  EXPECT_EQ(response.deleted_count(), 2u);
  EXPECT_EQ(Count("c"), 3u);
  request.set_dry_run(false);
  ASSERT_CALL(documents_->DeleteDocuments(NewContext().get(), request, &response));
  EXPECT_EQ(response.deleted_count(), 2u);
  EXPECT_EQ(Count("c"), 1u);
}

TEST_F(FilterServicesTest, BadFilters) {
  struct Case {
    const char* name;
    std::string filter;
    const char* outcome;
  };
  std::string wide = "n = 1", values = "n IN (0";
  for (int i = 0; i < 256; ++i) wide += " OR n = 1";
  for (int i = 0; i < 10'000; ++i) values += ", 1";
  for (const Case& c : {
           Case{"syntax", "n =", "INVALID_ARGUMENT FILTER_SYNTAX"},
           Case{"a regular expression", "n = /x.*/", "INVALID_ARGUMENT FILTER_SYNTAX"},
           Case{"an open quote", "n = \"1", "INVALID_ARGUMENT FILTER_SYNTAX"},
           Case{"33 deep", std::string(33, '(') + "n = 1" + std::string(33, ')'),
                "INVALID_ARGUMENT FILTER_TOO_LARGE"},
           Case{"100,000 deep", std::string(100'000, '('), "INVALID_ARGUMENT FILTER_TOO_LARGE"},
           Case{"257 conditions", wide, "INVALID_ARGUMENT FILTER_TOO_LARGE"},
           Case{"10,001 values", values + ")", "INVALID_ARGUMENT FILTER_TOO_LARGE"},
           Case{"another type", "n = \"1\"", "INVALID_ARGUMENT FILTER_TYPE"},
           Case{"an unknown field", "m = \"1\"", "OK"},
           Case{"nothing", "", "OK"},
       }) {
    uint64_t count = 0;
    grpc::Status status = CountOf(c.filter, &count);
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
    status = Search(Ask(c.filter));
    EXPECT_EQ(Outcome(status), c.outcome) << c.name << ": " << status.error_message();
  }
  EXPECT_EQ(Health(channel_, ""), "SERVING");
}

TEST_F(FilterServicesTest, BadUpdatesAndDeletions) {
  v1::UpdateMetadataRequest none, twice, nothing;
  v1::UpdateMetadataResponse updated;
  for (auto* request : {&none, &twice, &nothing}) request->set_collection("c");
  for (int i = 0; i < 2; ++i) {
    twice.add_updates()->set_id("a");
    (*twice.mutable_updates(i)->mutable_set())["n"].set_int_value(1);
  }
  nothing.add_updates()->set_id("a");
  const auto update = [&](const v1::UpdateMetadataRequest& request) {
    return Outcome(documents_->UpdateMetadata(NewContext().get(), request, &updated));
  };
  EXPECT_EQ(update(none), "INVALID_ARGUMENT EMPTY_BATCH");
  EXPECT_EQ(update(twice), "INVALID_ARGUMENT DUPLICATE_ID");
  EXPECT_EQ(update(nothing), "INVALID_ARGUMENT INVALID_METADATA");
  (*nothing.mutable_updates(0)->mutable_set())["n"].set_string_value("one");
  EXPECT_EQ(update(nothing), "INVALID_ARGUMENT FIELD_TYPE_CONFLICT");
  nothing.mutable_updates(0)->set_mode(static_cast<v1::MetadataUpdateMode>(9));
  EXPECT_EQ(update(nothing), "INVALID_ARGUMENT INVALID_REQUEST");

  v1::DeleteDocumentsRequest everything;
  v1::DeleteDocumentsResponse deleted;
  everything.set_collection("c");
  everything.set_filter(" ");
  EXPECT_EQ(Outcome(documents_->DeleteDocuments(NewContext().get(), everything, &deleted)),
            "INVALID_ARGUMENT INVALID_REQUEST");
  EXPECT_EQ(Count("c"), 3u);
}

}  // namespace
}  // namespace kith::rpc
