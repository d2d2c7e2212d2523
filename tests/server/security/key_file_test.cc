// The file of keys: what is read, what is refused with its line, and that nothing else than the
// whole key is the key.

#include "server/security/key_file.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/security/key_ring.h"
#include "tests/support/temp_folder.h"

namespace kith::security {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// SHA-256 of "abc" (FIPS 180-2) and of nothing.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string Line(const std::string& name, const std::string& role, const std::string& digest,
                 const std::string& more = "") {
  return R"({"name": ")" + name + R"(", "role": ")" + role + R"(", "sha256": ")" + digest + "\"" +
         more + "}\n";
}

TEST(KeyDigestTest, IsSha256) {
  EXPECT_EQ(DigestOf("abc"), *ParseDigest(kAbc));
  EXPECT_EQ(DigestOf(""), *ParseDigest(kNothing));
  EXPECT_TRUE(EqualInConstantTime(DigestOf("abc"), *ParseDigest(kAbc)));
  for (size_t i = 0; i < 32; ++i) {
    KeyDigest other = DigestOf("abc");
    other[i] ^= 1;
    EXPECT_FALSE(EqualInConstantTime(DigestOf("abc"), other)) << i;
  }
}

TEST(KeyDigestTest, IsSixtyFourHexadecimalDigits) {
  const std::string good = kAbc;
  EXPECT_FALSE(ParseDigest(good.substr(1)));
  EXPECT_FALSE(ParseDigest(good + "0"));
  EXPECT_FALSE(ParseDigest("g" + good.substr(1)));
  EXPECT_FALSE(ParseDigest(good.substr(0, 63) + '\0'));
  EXPECT_FALSE(ParseDigest(""));
}

TEST(KeyFileTest, LinesCommentsAndEmptyLines) {
  const auto entries = ParseKeyFile(
      "# comment\n\n  \r\n" + Line("a", "reader", kAbc) +
          Line("b.c-d_E9", "admin", kNothing, R"(, "collections": ["zoo", "art", "zoo"])") +
          "# no newline at the end",
      "keys");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].principal.role, v1::ROLE_READER);
  EXPECT_FALSE((*entries)[0].principal.restricted);
  EXPECT_TRUE((*entries)[0].principal.Sees("anything"));
  const Principal& second = (*entries)[1].principal;
  EXPECT_EQ(second.name, "b.c-d_E9");
  EXPECT_TRUE(second.restricted);
  EXPECT_THAT(second.collections, ElementsAre("art", "zoo"));
  EXPECT_TRUE(second.Sees("zoo"));
  EXPECT_FALSE(second.Sees("zo"));
  EXPECT_FALSE(second.Sees(""));
}

TEST(KeyFileTest, WhatIsWrongIsSaidWithItsLineAndWithoutItsSecret) {
  for (const std::string& wrong : {
           std::string("x"),
           std::string("[]"),
           std::string("{}"),
           std::string("{\"name\": 1}"),
           Line("a", "root", kAbc),
           Line("", "reader", kAbc),
           Line("a b", "reader", kAbc),
           Line(std::string(65, 'a'), "reader", kAbc),
           Line("a", "reader", "kith_secret"),
           Line("a", "reader", kAbc, R"(, "x": 1)"),
           Line("a", "reader", kAbc, R"(, "name": "b")"),
           Line("a", "reader", kAbc, R"(, "collections": [])"),
           Line("a", "reader", kAbc, R"(, "collections": ["../x"])"),
           Line("a", "reader", kAbc, R"(, "collections": [["x"]])"),
           Line("a", "reader", kAbc, R"(, "collections": null)"),
           std::string("{\"name\": \"\xff\"}"),
           std::string(50'000, '['),
       }) {
    const auto entries = ParseKeyFile("\n\n" + wrong, "the-file");
    ASSERT_FALSE(entries.ok()) << wrong;
    const std::string message(entries.status().message());
    EXPECT_THAT(message, HasSubstr("the-file:3: "));
    EXPECT_THAT(message, Not(HasSubstr("secret")));
    EXPECT_THAT(message, Not(HasSubstr(std::string(kAbc).substr(0, 16))));
    EXPECT_LT(message.size(), 300u);
  }
}

TEST(KeyRingTest, AFileThatCannotBeUsedChangesNothing) {
  const TempFolder folder;
  const std::string path = (folder.path() / "keys").string();
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(Line("a", "reader", kAbc));
  const auto ring = KeyRing::Load(path);
  ASSERT_TRUE(ring.ok()) << ring.status();
  const PrincipalRef before = (*ring)->Find("abc");
  ASSERT_NE(before, nullptr);
  EXPECT_EQ((*ring)->Find("ab"), nullptr);
  EXPECT_EQ((*ring)->Find("abcd"), nullptr);
  EXPECT_EQ((*ring)->Find(""), nullptr);
  EXPECT_EQ((*ring)->Find(kAbc), nullptr) << "the digest is not the key";

  write("nonsense");
  EXPECT_FALSE((*ring)->Reload().ok());
  EXPECT_NE((*ring)->Find("abc"), nullptr);
  write(Line("a", "reader", kAbc));
  ASSERT_EQ(chmod(path.c_str(), 0666), 0);
  EXPECT_THAT(std::string((*ring)->Reload().message()), HasSubstr("everybody may write"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);

  write(Line("b", "writer", kNothing));
  EXPECT_TRUE((*ring)->Reload().ok());
  EXPECT_EQ((*ring)->Find("abc"), nullptr);
  EXPECT_EQ((*ring)->Find("")->name, "b");
  EXPECT_EQ(before->name, "a") << "who was let in stays who it was";
}

}  // namespace
}  // namespace kith::security
