// The rules beside the RPCs: every RPC has one that can be followed, and one that cannot is
// nobody's.

#include "server/security/access_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/v1/document_service.pb.h"
#include "kith/v1/search_service.pb.h"

namespace kith::security {
namespace {

using testing::ElementsAre;

TEST(AccessRulesTest, EveryRpcHasARule) {
  EXPECT_GT(AllRules().size(), 25u);
  for (const MethodRule& rule : AllRules()) {
    EXPECT_TRUE(rule.valid.ok()) << rule.valid << "\nWrite `option (access) = {...}` beside it.";
    EXPECT_EQ(FindRule(rule.method), &rule);
  }
  EXPECT_EQ(FindRule("SearchService/Guess"), nullptr);
  EXPECT_EQ(FindRule(""), nullptr);
}

TEST(AccessRulesTest, RulesThatCannotBeFollowedAreFound) {
  const auto* search = v1::SearchRequest::descriptor()->file()->FindServiceByName("SearchService");
  const auto& method = *search->FindMethodByName("Search");
  const auto check = [&](v1::Role role, std::vector<std::string> paths, v1::Reach reach) {
    v1::AccessRule rule;
    rule.set_role(role);
    for (const std::string& path : paths) rule.add_collection(path);
    rule.set_reach(reach);
    return CheckRule(method, rule).ok();
  };
  EXPECT_TRUE(check(v1::ROLE_READER, {"collection"}, v1::REACH_UNSPECIFIED));
  EXPECT_TRUE(check(v1::ROLE_ADMIN, {}, v1::REACH_SERVER));
  EXPECT_FALSE(check(v1::ROLE_UNSPECIFIED, {"collection"}, v1::REACH_UNSPECIFIED));
  EXPECT_FALSE(check(static_cast<v1::Role>(9), {"collection"}, v1::REACH_UNSPECIFIED));
  EXPECT_FALSE(check(v1::ROLE_READER, {}, v1::REACH_UNSPECIFIED));
  EXPECT_FALSE(check(v1::ROLE_READER, {"collection"}, v1::REACH_NONE)) << "one of the two";
  EXPECT_FALSE(check(v1::ROLE_READER, {}, static_cast<v1::Reach>(9)));
  for (const char* path : {"", ".", "name", "collection.", "collection.name", "query", "limit"}) {
    EXPECT_FALSE(check(v1::ROLE_READER, {path}, v1::REACH_UNSPECIFIED)) << path;
  }
}

TEST(AccessRulesTest, CollectionsAreFoundInRequests) {
  v1::SearchRequest search;
  search.set_collection("a");
  EXPECT_THAT(CollectionsNamed(*FindRule("SearchService/Search"), search), ElementsAre("a"));
  v1::IngestDocumentsRequest stream;
  const MethodRule& ingest = *FindRule("DocumentService/IngestDocuments");
  EXPECT_THAT(CollectionsNamed(ingest, stream), ElementsAre(""));
  stream.mutable_start()->set_collection("b");
  EXPECT_THAT(CollectionsNamed(ingest, stream), ElementsAre("b"));
}

}  // namespace
}  // namespace kith::security
