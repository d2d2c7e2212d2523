// A random walk of writes, changes of metadata, deletes, repeats and restarts, compared with a map
// after every few steps.

#include <map>
#include <random>

#include "fixture.h"

namespace kith::engine {
namespace {

class ModelWalkTest : public DatabaseTest {
 protected:
  struct Point {
    std::vector<float> vector;
    Metadata metadata = {};
  };
  using Model = std::map<std::string, Point>;

  void ExpectEqual(Collection& points, const Model& model) {
    auto view = Read(points);
    ASSERT_TRUE(view.ok());
    ASSERT_EQ(view->count(), model.size());
    auto page = view->List({.limit = 1000, .select = {.metadata = true, .vectors = true}},
                           Call::Background());
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->documents.size(), model.size());
    auto expected = model.begin();
    for (const Document& document : page->documents) {
      EXPECT_EQ(document.id, expected->first);
      EXPECT_EQ(document.vectors.at(0), expected->second.vector);
      EXPECT_EQ(document.metadata, expected->second.metadata);
      // Exact search finds each as its own nearest.
      auto nearest = Search(
          points, {.query = VectorQuery{expected->second.vector}, .limit = 1, .exact = true});
      ASSERT_TRUE(nearest.ok());
      EXPECT_EQ(nearest->hits.at(0).passages.at(0).distance, 0);
      if (nearest->hits[0].document_id == expected->first) {
        EXPECT_EQ(nearest->hits[0].metadata, expected->second.metadata);
      }
      ++expected;
    }
  }
};

TEST_F(ModelWalkTest, TheCollectionAgreesWithAMap) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint32_t n) { return static_cast<int>(random() % n); };
  auto points = CreateVectors("points", 3);
  Model model;
  UpsertRequest last;
  for (int step = 0; step < 300; ++step) {
    const int what = below(20);
    if (what < 11) {
      Model batch;
      for (int i = below(4); i >= 0; --i) {
        batch["d" + std::to_string(below(40))].vector = {static_cast<float>(below(1000)),
                                                         static_cast<float>(below(1000)), 1};
      }
      last = {};
      last.request_id = "request " + std::to_string(step);
      for (const auto& [id, point] : batch) last.documents.push_back(Vec(id, point.vector));
      auto written = Upsert(*points, last);
      ASSERT_TRUE(written.ok()) << written.status();
      for (const UpsertResult& result : written->results) {
        EXPECT_EQ(result.created, !model.contains(result.id));
      }
      for (const auto& [id, point] : batch) model[id] = point;
    } else if (what < 14) {
      std::map<std::string, MetadataChange> changes;
      for (int i = below(5); i >= 0; --i) {
        MetadataChange change{.id = "d" + std::to_string(below(40))};
        change.set["n" + std::to_string(below(3))] = static_cast<int64_t>(step);
        change.remove = {"m"};
        change.replace = below(4) == 0;
        changes[change.id] = change;
      }
      uint32_t missing = 0;
      std::vector<MetadataChange> updates;
      for (auto& [id, change] : changes) {
        if (const auto known = model.find(id); known != model.end()) {
          if (change.replace) known->second.metadata.clear();
          for (const auto& [key, value] : change.set) known->second.metadata[key] = value;
        } else {
          ++missing;
        }
        updates.push_back(change);
      }
      const auto changed = UpdateMetadata(*points, updates);
      ASSERT_TRUE(changed.ok()) << changed.status();
      EXPECT_EQ(changed->missing, missing);
      last = {};
    } else if (what < 16) {
      const std::string id = "d" + std::to_string(below(40));
      auto deleted = Delete(*points, {id});
      ASSERT_TRUE(deleted.ok());
      EXPECT_EQ(deleted->deleted, model.erase(id));
      last = {};
    } else if (what < 18) {
      // A repeat of the last write, with nothing in between: changes nothing.
      if (!last.documents.empty()) {
        ASSERT_TRUE(Upsert(*points, last).ok());
      }
    } else if (what == 18) {
      DocumentInput refused = Vec("d0", {1, 1, 1});
      refused.if_match = "never";
      EXPECT_FALSE(Upsert(*points, {Vec("x", {0, 0, 0}), refused}).ok());
    } else {
      points.reset();
      Reopen();
      points = Find("points");
    }
    if (step % 25 == 0) ExpectEqual(*points, model);
  }
  ExpectEqual(*points, model);
}

}  // namespace
}  // namespace kith::engine
