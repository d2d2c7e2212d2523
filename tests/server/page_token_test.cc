#include "server/rpc/page_token.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "kith/base/error.h"

namespace kith::rpc {
namespace {

TEST(PageTokenTest, TheLastKeyComesBack) {
  for (const std::string& key : {std::string("a"), std::string("\xff\x00\x01", 3),
                                 std::string(512, 'x'), std::string("Zürich/東京")}) {
    const auto read = ReadPageToken(PageKind::kDocuments, "articles",
                                    MakePageToken(PageKind::kDocuments, "articles", key));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, key);
  }
}

TEST(PageTokenTest, NoTokenBeginsAtTheFirstKey) {
  const auto read = ReadPageToken(PageKind::kDocuments, "articles", "");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, "");
}

TEST(PageTokenTest, ATokenServesOnlyTheListingThatGaveIt) {
  const std::string token = MakePageToken(PageKind::kDocuments, "articles", "id7");
  for (const auto& read : {ReadPageToken(PageKind::kCollections, "articles", token),
                           ReadPageToken(PageKind::kDocuments, "notes", token),
                           ReadPageToken(PageKind::kDocuments, "", token)}) {
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailsOf(read.status()).reason, reason::kInvalidPageToken);
  }
}

TEST(PageTokenTest, ADamagedTokenIsRefused) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string token = MakePageToken(PageKind::kDocuments, "articles", "some-document-id");
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = token;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    if (damaged.empty()) continue;
    const auto read = ReadPageToken(PageKind::kDocuments, "articles", damaged);
    // The last character of base64 has bits that no byte uses: then it is the same token.
    if (read.ok()) {
      EXPECT_EQ(*read, "some-document-id");
    } else {
      EXPECT_EQ(DetailsOf(read.status()).reason, reason::kInvalidPageToken);
    }
  }
}

TEST(PageTokenTest, PageSizesAreDefaultedCoercedOrRefused) {
  EXPECT_EQ(*PageSize(0, 1000), 100u);
  EXPECT_EQ(*PageSize(0, 10), 10u);
  EXPECT_EQ(*PageSize(1, 1000), 1u);
  EXPECT_EQ(*PageSize(1000, 1000), 1000u);
  EXPECT_EQ(*PageSize(1001, 1000), 1000u);
  EXPECT_EQ(PageSize(-1, 1000).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace kith::rpc
