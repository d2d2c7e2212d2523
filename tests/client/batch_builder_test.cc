#include "client/cpp/batch_builder.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::client {
namespace {

v1::DocumentInput Document(const std::string& id, size_t text_bytes = 1) {
  v1::DocumentInput document;
  document.set_id(id);
  document.set_text(std::string(text_bytes, 'x'));
  return document;
}

TEST(BatchBuilderTest, ABatchEndsAtItsDocumentsItsBytesAndARepeatedId) {
  BatchBuilder builder(1000);
  EXPECT_TRUE(builder.Fits(Document("a", 5000), 1)) << "an empty batch takes any document";
  builder.Add(Document("a", 400), 1);
  EXPECT_FALSE(builder.Fits(Document("b"), 1));
  EXPECT_TRUE(builder.Fits(Document("b"), 2));
  EXPECT_FALSE(builder.Fits(Document("b", 700), 2));
  EXPECT_FALSE(builder.Fits(Document("a"), 2));
  builder.Add(Document(""), 2);
  EXPECT_TRUE(builder.Fits(Document(""), 3)) << "documents without id do not repeat one";
}

TEST(BatchBuilderTest, TakingLeavesAnEmptyBuilder) {
  BatchBuilder builder(1000);
  builder.Add(Document("a", 900), 7);
  const auto [request, tags] = builder.Take();
  EXPECT_EQ(request.batch().documents_size(), 1);
  EXPECT_EQ(request.batch().documents(0).id(), "a");
  EXPECT_THAT(tags, testing::ElementsAre(7));
  EXPECT_TRUE(builder.empty());
  builder.Add(Document("b"), 8);
  EXPECT_TRUE(builder.Fits(Document("a", 900), 2))
      << "ids and bytes of the taken batch are forgotten";
  EXPECT_EQ(builder.Take().first.batch().documents_size(), 1);
}

TEST(BatchBuilderTest, TheSizeOfABatchIsNotUnderestimated) {
  BatchBuilder builder(1 << 20);
  size_t counted = 0;
  for (int i = 0; i < 50; ++i) {
    const v1::DocumentInput document = Document(std::to_string(i), static_cast<size_t>(i) * 1000);
    counted += BatchBuilder::SizeOf(document);
    builder.Add(document, 0);
  }
  EXPECT_GE(counted, builder.Take().first.batch().ByteSizeLong());
}

}  // namespace
}  // namespace kith::client
