// Guard: who is let in, and as whom; while keys are replaced.

#include "server/security/guard.h"

#include <atomic>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/search_service.pb.h"
#include "server/security/reasons.h"
#include "tests/support/temp_folder.h"

namespace kith::security {
namespace {

KeyEntry Entry(std::string_view key, const std::string& name, v1::Role role) {
  return {DigestOf(key), Principal{name, role, false, {}}};
}

std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }

TEST(GuardTest, WithoutKeysEverybodyIsAnAdmin) {
  const Guard guard(nullptr);
  const auto caller = guard.Identify({});
  ASSERT_TRUE(caller.ok());
  for (const MethodRule& rule : AllRules()) EXPECT_TRUE(guard.CheckMethod(**caller, &rule).ok());
}

TEST(GuardTest, TheHeaderMustBeOneBearerKey) {
  const KeyRing ring({Entry("the-key", "a", v1::ROLE_READER)});
  const Guard guard(&ring);
  using Headers = std::vector<std::string_view>;
  for (const Headers& headers : {Headers{"Bearer the-key"}, Headers{"bEARER the-key"}}) {
    EXPECT_TRUE(guard.Identify(headers).ok()) << headers[0];
  }
  const std::string lengthy = "Bearer " + std::string(1000, 'x');
  for (const Headers& headers :
       {Headers{}, Headers{""}, Headers{"the-key"}, Headers{"Bearer"}, Headers{"Bearer "},
        Headers{"Bearer  the-key"}, Headers{"Bearer the-key "}, Headers{"Basic the-key"},
        Headers{"Bearer the-kez"}, Headers{lengthy}, Headers{"Bearer the-key", "Bearer the-key"}}) {
    const auto caller = guard.Identify(headers);
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(Reason(caller.status()), reason::kKeyInvalid);
  }
}

TEST(GuardTest, RolesAndCollections) {
  const KeyRing ring({});
  const Guard guard(&ring);
  const MethodRule* search = FindRule("SearchService/Search");
  const MethodRule* create = FindRule("CollectionService/CreateCollection");
  const Principal reader{"r", v1::ROLE_READER, false, {}};
  const Principal bounded{"b", v1::ROLE_ADMIN, true, {"art"}};
  EXPECT_TRUE(guard.CheckMethod(reader, search).ok());
  EXPECT_EQ(Reason(guard.CheckMethod(reader, create)), reason::kScopeDenied);
  EXPECT_EQ(Reason(guard.CheckMethod(reader, nullptr)), reason::kScopeDenied);
  MethodRule whole{"X/Y", {}, absl::OkStatus()};
  whole.rule.set_role(v1::ROLE_READER);
  whole.rule.set_reach(v1::REACH_SERVER);
  EXPECT_TRUE(guard.CheckMethod(reader, &whole).ok());
  EXPECT_EQ(Reason(guard.CheckMethod(bounded, &whole)), reason::kScopeDenied);

  v1::SearchRequest request;
  EXPECT_FALSE(Guard::CheckRequest(bounded, search, request).ok()) << "no name is not its own";
  request.set_collection("art");
  EXPECT_TRUE(Guard::CheckRequest(bounded, search, request).ok());
  request.set_collection("art2");
  EXPECT_EQ(Reason(Guard::CheckRequest(bounded, search, request)), reason::kScopeDenied);
  EXPECT_TRUE(Guard::CheckRequest(reader, search, request).ok());
}

TEST(GuardTest, KeysAreReplacedWhileCallsArrive) {
  const TempFolder folder;
  const std::string path = (folder.path() / "keys").string();
  std::ofstream(path) << "# none\n";
  const auto ring = KeyRing::Load(path);
  ASSERT_TRUE(ring.ok());
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        const PrincipalRef found = (*ring)->Find("abc");
        EXPECT_TRUE(found == nullptr || found->name == "a");
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    std::ofstream(path) << (i % 2 == 0 ? "# none\n"
                                       : R"({"name":"a","role":"reader","sha256":)"
                                         R"("ba7816bf8f01cfea414140de5dae2223)"
                                         R"(b00361a396177a9cb410ff61f20015ad"})");
    EXPECT_TRUE((*ring)->Reload().ok());
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_NE((*ring)->Find("abc"), nullptr);
}

}  // namespace
}  // namespace kith::security
