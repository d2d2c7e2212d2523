// Readers beside writers: nobody sees half a batch, two generations of a document, or a hit whose
// text is gone.

#include <atomic>
#include <thread>

#include "fixture.h"

namespace kith::engine {
namespace {

class BatchAtomicityTest : public DatabaseTest {};

TEST_F(BatchAtomicityTest, EveryReaderSeesWholeBatches) {
  auto points = CreateVectors("points");
  constexpr int kDocuments = 8;
  constexpr int kWrites = 60;
  const auto batch_of = [](int64_t generation) {
    std::vector<DocumentInput> batch;
    for (int i = 0; i < kDocuments; ++i) {
      DocumentInput input = Vec("d" + std::to_string(i), {static_cast<float>(i), 0});
      input.text = "generation " + std::to_string(generation);
      input.metadata["generation"] = generation;
      batch.push_back(std::move(input));
    }
    return batch;
  };
  ASSERT_TRUE(Upsert(*points, batch_of(0)).ok());
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      while (!done.load()) {
        auto found = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 100});
        ASSERT_TRUE(found.ok()) << found.status();
        ASSERT_EQ(found->hits.size(), static_cast<size_t>(kDocuments));
        const int64_t generation = std::get<int64_t>(found->hits[0].metadata.at("generation"));
        for (const SearchHit& hit : found->hits) {
          EXPECT_EQ(std::get<int64_t>(hit.metadata.at("generation")), generation);
          EXPECT_EQ(hit.passages[0].text, "generation " + std::to_string(generation));
        }
      }
    });
  }
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 1; i <= kWrites; ++i) {
        ASSERT_TRUE(Upsert(*points, batch_of(writer * 1000 + i)).ok());
      }
    });
  }
  threads[2].join();
  threads[3].join();
  done.store(true);
  threads[0].join();
  threads[1].join();
  EXPECT_EQ(Read(*points)->count(), static_cast<uint64_t>(kDocuments));
}

TEST_F(BatchAtomicityTest, ALongReaderKeepsItsMoment) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {0, 0}), Vec("b", {1, 0})}).ok());
  auto before = Read(*points);
  ASSERT_TRUE(Delete(*points, {"a"}).ok());
  ASSERT_TRUE(Upsert(*points, {Vec("c", {2, 0})}).ok());
  auto old = before->List({.select = {.vectors = true}}, Call::Background());
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_EQ(old->documents.size(), 2u);
  EXPECT_EQ(old->documents[0].id, "a");
  EXPECT_EQ(before->count(), 2u);
}

}  // namespace
}  // namespace kith::engine
